create table root_checks (
    root_id text not null constraint root_checks_pkey primary key,
    check_value bytea not null,
    created_at timestamptz not null
);
comment on table root_checks is
    'Proves at start that a root key given is one this database was made with, without telling the key.';

create table wrapped_keys (
    name text not null constraint wrapped_keys_pkey primary key,
    sealed bytea not null,
    created_at timestamptz not null
);
comment on table wrapped_keys is
    'Random keys sealed under a root key: subject (makes sub; never rotated), audit (signs checkpoints).';

create table signing_keys (
    kid text not null constraint signing_keys_pkey primary key,
    alg text not null constraint signing_keys_alg_check check (alg in ('RS256', 'ES256', 'PS256', 'EdDSA')),
    status text not null
        constraint signing_keys_status_check check (status in ('next', 'active', 'retiring', 'retired')),
    sealed bytea,
    public_jwk jsonb not null,
    created_at timestamptz not null,
    activated_at timestamptz,
    retiring_at timestamptz,
    retired_at timestamptz,
    constraint signing_keys_sealed_check check (status = 'retired' or sealed is not null)
);
comment on table signing_keys is
    'Token signing keys, private parts sealed. next: published, not signing; active: signs; retiring: published until its last token ended; retired: gone from JWKS.';
create unique index signing_keys_one_active on signing_keys (alg) where status = 'active';
create unique index signing_keys_one_next on signing_keys (alg) where status = 'next';

grant select, insert, update on root_checks, wrapped_keys, signing_keys to numbercloak_app;
