-- a number that changed hands takes the go-aheads of its old owner with it
alter table go_aheads add column number_hash bytea;
comment on column go_aheads.number_hash is
    'The keyed hash of the number behind the subject: go-aheads end with its epoch. Null in rows of earlier releases, whose subject never comes back either.';
create index go_aheads_number on go_aheads (number_hash) where number_hash is not null;

create table usage_days (
    day date not null,
    client_id text not null,
    operator text not null,
    call text not null,
    billable bigint not null,
    unsure bigint not null,
    constraint usage_days_pkey primary key (day, client_id, operator, call)
);
comment on table usage_days is
    'Calls that operators charge for, per UTC day, derived from audit records once the day is over. unsure: sent, and no answer came.';

create table usage_closed_days (
    day date not null constraint usage_closed_days_pkey primary key,
    closed_at timestamptz not null
);
comment on table usage_closed_days is 'UTC days that usage_days holds whole.';

grant select, insert on usage_days, usage_closed_days to numbercloak_app;
