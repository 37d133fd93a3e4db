-- how an operator is chosen: addresses its subscribers come from, a telco finder, the one re-route

create table operator_ranges (
    operator_id uuid not null constraint operator_ranges_pkey primary key
        constraint operator_ranges_operator_id_fkey references operators on delete cascade,
    networks inet[] not null,
    asns bigint[] not null,
    revision integer not null,
    loaded_at timestamptz not null
);
comment on table operator_ranges is
    'Source addresses of an operator''s subscribers, as staff loaded them: one row per operator, replaced whole, beside the few in its settings. asns: the autonomous systems that were taken from the file, none for all of it.';

grant select, insert, update, delete on operator_ranges to numbercloak_app;

create trigger operator_ranges_changed after insert or update or delete on operator_ranges
    for each statement execute function notify_change('operators');

create table telco_finders (
    id uuid not null constraint telco_finders_pkey primary key,
    settings jsonb not null,
    credentials bytea,
    revision integer not null,
    updated_at timestamptz not null
);
create unique index telco_finders_one on telco_finders ((true));
comment on table telco_finders is
    'The service that is asked which operator a number is with, if there is one: a single row. credentials: sealed.';

grant select, insert, update, delete on telco_finders to numbercloak_app;

create trigger telco_finders_changed after insert or update or delete on telco_finders
    for each statement execute function notify_change('operators');

alter table logins add column rerouted boolean not null default false;
comment on column logins.rerouted is
    'An operator said that the number is not one of its own, and the next one was asked without the person: once per login.';
