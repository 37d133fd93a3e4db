//! Who may do what: one table for the console, the API and whatever else asks. A role allows a scope
//! or it does not; an API token may do what its role allows and its own scopes name.

use crate::admin::Refused;
use crate::store::staff::Role;

/// One thing that staff may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// See apps.
    ClientsRead,
    /// Register and change apps and their secrets.
    ClientsWrite,
    /// See operators, their ranges, the telco finder and presets.
    OperatorsRead,
    /// Add, change, try and pause operators.
    OperatorsWrite,
    /// See the keys that sign tokens, never their private parts.
    KeysRead,
    /// Stage and rotate them.
    KeysWrite,
    /// See accounts of staff.
    StaffRead,
    /// Make, change and lock them, end their sessions, remove their passkeys, and make setup links.
    StaffWrite,
    /// Find browsers' sessions.
    SessionsRead,
    /// End them.
    SessionsWrite,
    /// Say that a number has a new owner.
    NumbersWrite,
    /// Hand out everything that is kept about a number.
    NumbersExport,
    /// Erase what is personal about a number.
    NumbersErase,
    /// See initial access tokens.
    RegistrationRead,
    /// Make and end them.
    RegistrationWrite,
    /// See API tokens, never their secrets.
    TokensRead,
    /// Make and revoke them.
    TokensWrite,
    /// Read every record.
    AuditRead,
    /// Find the records of one login by its reference.
    AuditFind,
    /// Export records as files.
    AuditExport,
    /// See what is personal in a record, with a reason.
    AuditUnmask,
    /// Place and release legal holds.
    AuditHold,
    /// See what was used and what quotas are reached.
    UsageRead,
    /// See what the server was told, never a secret.
    SettingsRead,
    /// See whether all is well.
    HealthRead,
}

use Scope::{
    AuditExport, AuditFind, AuditHold, AuditRead, AuditUnmask, ClientsRead, ClientsWrite,
    HealthRead, KeysRead, KeysWrite, NumbersErase, NumbersExport, NumbersWrite, OperatorsRead,
    OperatorsWrite, RegistrationRead, RegistrationWrite, SessionsRead, SessionsWrite, SettingsRead,
    StaffRead, StaffWrite, TokensRead, TokensWrite, UsageRead,
};

impl Scope {
    /// Every one.
    pub const ALL: [Self; 25] = [
        ClientsRead,
        ClientsWrite,
        OperatorsRead,
        OperatorsWrite,
        KeysRead,
        KeysWrite,
        StaffRead,
        StaffWrite,
        SessionsRead,
        SessionsWrite,
        NumbersWrite,
        NumbersExport,
        NumbersErase,
        RegistrationRead,
        RegistrationWrite,
        TokensRead,
        TokensWrite,
        AuditRead,
        AuditFind,
        AuditExport,
        AuditUnmask,
        AuditHold,
        UsageRead,
        SettingsRead,
        HealthRead,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ClientsRead => "clients:read",
            ClientsWrite => "clients:write",
            OperatorsRead => "operators:read",
            OperatorsWrite => "operators:write",
            KeysRead => "keys:read",
            KeysWrite => "keys:write",
            StaffRead => "staff:read",
            StaffWrite => "staff:write",
            SessionsRead => "sessions:read",
            SessionsWrite => "sessions:write",
            NumbersWrite => "numbers:write",
            NumbersExport => "numbers:export",
            NumbersErase => "numbers:erase",
            RegistrationRead => "registration:read",
            RegistrationWrite => "registration:write",
            TokensRead => "tokens:read",
            TokensWrite => "tokens:write",
            AuditRead => "audit:read",
            AuditFind => "audit:find",
            AuditExport => "audit:export",
            AuditUnmask => "audit:unmask",
            AuditHold => "audit:hold",
            UsageRead => "usage:read",
            SettingsRead => "settings:read",
            HealthRead => "health:read",
        }
    }

    /// Whether these words hold it: itself, all of its noun (`clients:*`), or everything (`*`).
    #[must_use]
    pub fn is_in(self, words: &[String]) -> bool {
        let noun = self.as_str().split(':').next().unwrap_or_default();
        words.iter().any(|word| {
            word == "*" || word == self.as_str() || word.strip_suffix(":*") == Some(noun)
        })
    }
}

impl Role {
    /// Whether the role allows it.
    #[must_use]
    pub fn may(self, scope: Scope) -> bool {
        match self {
            Self::Owner => true,
            // Everything about apps and operators; not who else is staff, nor what proves us.
            Self::Admin => !matches!(
                scope,
                KeysWrite
                    | NumbersExport
                    | NumbersErase
                    | StaffRead
                    | StaffWrite
                    | TokensRead
                    | TokensWrite
                    | AuditExport
                    | AuditUnmask
                    | AuditHold
            ),
            Self::Auditor => matches!(
                scope,
                ClientsRead
                    | OperatorsRead
                    | KeysRead
                    | StaffRead
                    | SessionsRead
                    | RegistrationRead
                    | TokensRead
                    | AuditRead
                    | AuditFind
                    | AuditExport
                    | AuditHold
                    | UsageRead
                    | SettingsRead
                    | HealthRead
            ),
            Self::Support => matches!(scope, AuditFind | HealthRead),
        }
    }
}

/// Refuses words that name no scope.
pub(super) fn check(words: &[String]) -> Result<(), Refused> {
    if words.is_empty() || words.len() > 2 * Scope::ALL.len() {
        return Err(Refused::invalid("scopes", "name at least one"));
    }
    for word in words {
        let one = std::slice::from_ref(word);
        if !Scope::ALL.iter().any(|scope| scope.is_in(one)) {
            let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
            let message = format!(
                "`{}` is none of *, NOUN:*, {}",
                word.escape_debug(),
                known.join(", ")
            );
            return Err(Refused::invalid("scopes", message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_noun_s_star_holds_what_is_of_that_noun_alone() {
        let held = |text: &str| -> Vec<&str> {
            let words = words(text);
            let held = Scope::ALL.into_iter().filter(|scope| scope.is_in(&words));
            held.map(Scope::as_str).collect()
        };
        assert_eq!(held("clients:*"), ["clients:read", "clients:write"]);
        assert_eq!(held("audit:find"), ["audit:find"]);
        assert_eq!(held("*").len(), Scope::ALL.len());
        assert!(held("client:* clients read :* clients:*:*").is_empty());
    }

    #[test]
    fn words_that_name_nothing_are_refused() {
        assert!(check(&words("clients:read operators:*")).is_ok());
        for bad in ["", "clients", "clients:delete", "client:*", ":*"] {
            assert!(check(&words(bad)).is_err(), "{bad}");
        }
        assert!(check(&[]).is_err());
    }

    #[test]
    fn nobody_but_the_owner_touches_keys_staff_tokens_and_what_numbers_left() {
        for scope in [
            KeysWrite,
            StaffWrite,
            TokensWrite,
            NumbersExport,
            NumbersErase,
        ] {
            for role in [Role::Admin, Role::Auditor, Role::Support] {
                assert!(!role.may(scope), "{role:?} {scope:?}");
            }
        }
        for scope in Scope::ALL {
            assert!(Role::Owner.may(scope));
            let writes = scope.as_str().ends_with(":write");
            assert!(!(writes && Role::Auditor.may(scope)), "{scope:?}");
        }
    }
}
