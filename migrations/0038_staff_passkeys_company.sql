create table staff_passkeys (
    id uuid not null constraint staff_passkeys_pkey primary key,
    staff uuid not null constraint staff_passkeys_staff_fkey references staff (id) on delete cascade,
    name text not null,
    credential_id bytea not null constraint staff_passkeys_credential_id_key unique,
    passkey jsonb not null,
    counter bigint not null,
    created_at timestamptz not null,
    used_at timestamptz
);
comment on table staff_passkeys is
    'Public keys by which staff sign in to the console. counter: the highest the authenticator showed; one that goes back is a copy.';
create index staff_passkeys_staff on staff_passkeys (staff);

create table staff_ceremonies (
    id uuid not null constraint staff_ceremonies_pkey primary key,
    hash bytea not null constraint staff_ceremonies_hash_key unique,
    kind text not null
        constraint staff_ceremonies_kind_check
        check (kind in ('passkey_add', 'passkey_sign_in', 'passkey_confirm', 'company_sign_in', 'company_confirm')),
    staff uuid constraint staff_ceremonies_staff_fkey references staff (id) on delete cascade,
    sealed bytea not null,
    expires_at timestamptz not null
);
comment on table staff_ceremonies is
    'Challenges that a passkey or the company''s provider answers, each once. staff: whose answer counts, where that is known.';
create index staff_ceremonies_expires on staff_ceremonies (expires_at);

alter table staff add column company_issuer text;
alter table staff add column company_subject text;
alter table staff add constraint staff_company_key unique (company_issuer, company_subject);
comment on column staff.company_subject is
    'Who the account is at the company''s OpenID provider, once it signed in there.';

grant select, insert, update, delete on staff_passkeys, staff_ceremonies to numbercloak_app;
