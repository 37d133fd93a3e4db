alter table logins add column sealed_request bytea;
alter table logins alter column request drop not null;
comment on column logins.sealed_request is
    'What the app asked, sealed: state and nonce are its own, and may hold anything.';
comment on column logins.request is 'The same in clear, in rows of the release before; always null now.';
