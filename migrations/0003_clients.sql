create table clients (
    id uuid not null constraint clients_pkey primary key,
    client_id text not null constraint clients_client_id_key unique,
    name text not null,
    kind text not null constraint clients_kind_check check (kind in ('web', 'spa', 'native')),
    token_endpoint_auth_method text not null,
    redirect_uris text[] not null,
    test boolean not null,
    settings jsonb not null,
    sector text not null,
    revision integer not null,
    disabled_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
comment on table clients is
    'Relying parties. test: test operators may vouch for it, and only for +990 numbers. sector: what its pairwise sub is made of; fixed at registration.';

create table client_secrets (
    id uuid not null constraint client_secrets_pkey primary key,
    client uuid not null constraint client_secrets_client_fkey references clients (id) on delete cascade,
    hash bytea not null,
    hint text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz
);
comment on table client_secrets is
    'Hashes of generated client secrets, at most two live per client. hint: the first four characters, to tell them apart.';
create index client_secrets_client on client_secrets (client);

grant select, insert, update, delete on clients, client_secrets to numbercloak_app;

create function notify_change()
returns trigger
language plpgsql
as $$
begin
    perform pg_notify('numbercloak_changed', tg_argv[0]);
    return null;
end
$$;
comment on function notify_change is 'Tells every replica that a cached table changed.';

create trigger clients_changed after insert or update or delete on clients
    for each statement execute function notify_change('clients');
create trigger client_secrets_changed after insert or delete on client_secrets
    for each statement execute function notify_change('clients');
create trigger signing_keys_changed after insert or update on signing_keys
    for each statement execute function notify_change('keys');
