create table initial_access_tokens (
    id uuid not null constraint initial_access_tokens_pkey primary key,
    hash bytea not null constraint initial_access_tokens_hash_key unique,
    note text not null,
    uses_left integer not null constraint initial_access_tokens_uses_left_check check (uses_left >= 0),
    created_at timestamptz not null,
    expires_at timestamptz not null
);
comment on table initial_access_tokens is
    'What lets an app register itself (RFC 7591 section 3), so many times until then. note: whom it was made for.';

create table client_registrations (
    client uuid not null constraint client_registrations_pkey primary key
        constraint client_registrations_client_fkey references clients (id) on delete cascade,
    token_hash bytea not null constraint client_registrations_token_hash_key unique,
    initial_access_token uuid not null,
    created_at timestamptz not null
);
comment on table client_registrations is
    'Clients that registered themselves. token_hash: the registration access token with which they read, change and remove their registration (RFC 7592).';

grant select, insert, update, delete on initial_access_tokens, client_registrations to numbercloak_app;
