-- Which events there are with which operator and outcome: a search for two that never meet would read every
-- record of one of them.
create table record_kinds (
    type text not null,
    operator text not null,
    outcome text not null,
    constraint record_kinds_pkey primary key (type, operator, outcome)
);
comment on table record_kinds is
    'What the hours in rollup_closed_hours have records of; empty text for none. Written with the hours, so that logins pay nothing for it.';
grant select, insert on record_kinds to numbercloak_app;
insert into record_kinds (type, operator, outcome)
select distinct type, operator, outcome
from rollup_hours;
