-- what staff search clients by, in the order in which they are listed: a page of ten thousand is read
-- from the index alone
alter table clients add column search text not null generated always as (lower(client_id || ' ' || name)) stored;
comment on column clients.search is 'What staff search by: client_id and name in small letters.';
create index clients_search on clients (client_id, search);

alter table clients add column managed_by text;
comment on column clients.managed_by is
    'The owner named in the file that `numbercloak apply` made the row match. Null: nobody but people.';
alter table operators add column managed_by text;
comment on column operators.managed_by is
    'The owner named in the file that `numbercloak apply` made the row match. Null: nobody but people.';

create table api_tokens (
    id uuid not null constraint api_tokens_pkey primary key,
    hash bytea not null constraint api_tokens_hash_key unique,
    name text not null,
    role text not null constraint api_tokens_role_check check (role in ('owner', 'admin', 'auditor', 'support')),
    scopes text[] not null,
    created_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz
);
comment on table api_tokens is
    'Bearer tokens of the admin API. hash: SHA-256 of 256 random bits. A token may do what both its scopes and its role allow.';
create unique index api_tokens_name_key on api_tokens (name) where revoked_at is null;

create table api_answers (
    token uuid not null,
    key text not null,
    request_hash bytea not null,
    status integer,
    sealed bytea,
    created_at timestamptz not null,
    constraint api_answers_pkey primary key (token, key)
);
comment on table api_answers is
    'Answers to creates that came with an Idempotency-Key, kept for a day. sealed: the answer, which may hold a new secret. status null: the work was begun, and nobody knows how it ended.';
create index api_answers_created on api_answers (created_at);

create table usage_verifications (
    day date not null,
    client_id text not null,
    operator text not null,
    verifications bigint not null,
    verified bigint not null,
    constraint usage_verifications_pkey primary key (day, client_id, operator)
);
comment on table usage_verifications is
    'Verifications per UTC day, derived from audit records once the day is over: legs that ended with an operator''s answer or without one.';
insert into usage_verifications (day, client_id, operator, verifications, verified)
select (at at time zone 'UTC')::date, coalesce(client_id, ''), coalesce(operator, ''), count(*),
    count(*) filter (where type = 'NUMBER_VERIFIED')
from audit_records
where type in ('NUMBER_VERIFIED', 'NUMBER_NOT_VERIFIED')
    and (at at time zone 'UTC')::date in (select day from usage_closed_days)
group by 1, 2, 3;

create table quota_alerts (
    month date not null,
    subject text not null constraint quota_alerts_subject_check check (subject in ('client', 'operator')),
    name text not null,
    percent integer not null,
    used bigint not null,
    quota bigint not null,
    at timestamptz not null,
    constraint quota_alerts_pkey primary key (month, subject, name, percent)
);
comment on table quota_alerts is
    'Quotas that were reached, once per month (UTC, its first day) and share of the quota.';

grant select, insert, update, delete on api_tokens, api_answers to numbercloak_app;
grant select, insert on usage_verifications, quota_alerts to numbercloak_app;
