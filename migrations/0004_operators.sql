create table operators (
    id uuid not null constraint operators_pkey primary key,
    alias text not null constraint operators_alias_key unique,
    name text not null,
    mode text not null constraint operators_mode_check check (mode in ('live', 'test')),
    settings jsonb not null,
    credentials bytea,
    revision integer not null,
    disabled_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
comment on table operators is
    'Mobile networks and aggregators we ask. alias: in the callback path, never changed. credentials: sealed. mode test: vouches only for +990 numbers and test clients.';

grant select, insert, update, delete on operators to numbercloak_app;

create trigger operators_changed after insert or update or delete on operators
    for each statement execute function notify_change('operators');
