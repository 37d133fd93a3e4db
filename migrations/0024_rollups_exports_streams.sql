-- What charts are drawn from: hours that are over, counted once from the records.
create table rollup_hours (
    hour timestamptz not null,
    client_id text not null,
    operator text not null,
    type text not null,
    outcome text not null,
    reason text not null,
    records bigint not null,
    constraint rollup_hours_pkey primary key (hour, client_id, operator, type, outcome, reason)
);
comment on table rollup_hours is
    'Records per hour (UTC), client, operator, type and outcome; empty text for none. reason: the operator''s own error word.';

create table rollup_latencies (
    hour timestamptz not null,
    operator text not null,
    part text not null,
    at_most_ms integer not null,
    samples bigint not null,
    constraint rollup_latencies_pkey primary key (hour, operator, part, at_most_ms)
);
comment on table rollup_latencies is
    'How long the parts of a leg took, per hour and operator, as a histogram: histograms add up over hours, percentiles do not. part: away (the browser, from departure to callback), token, api.';

create table rollup_closed_hours (
    hour timestamptz not null constraint rollup_closed_hours_pkey primary key,
    closed_at timestamptz not null
);
comment on table rollup_closed_hours is 'Hours that the rollups hold whole.';

grant select, insert on rollup_hours, rollup_latencies, rollup_closed_hours to numbercloak_app;

create table record_exports (
    id uuid not null constraint record_exports_pkey primary key,
    format text not null,
    filters jsonb not null,
    requested_by text not null,
    requested_at timestamptz not null,
    state text not null,
    target text not null,
    percent integer not null,
    written bigint not null,
    bytes bigint not null,
    sha256 bytea,
    cancel boolean not null default false,
    problem text,
    changed_at timestamptz not null
);
comment on table record_exports is
    'Exports of records: running, done, cancelled or failed, how far they are, and the hash of what was written. filters: what was asked for, a number only as the fact that there was one.';
grant select, insert, update on record_exports to numbercloak_app;

create table record_streams (
    name text not null constraint record_streams_pkey primary key
);
comment on table record_streams is 'Where records are sent to besides being kept.';

create table record_outbox (
    stream text not null,
    record_id uuid not null,
    tries integer not null default 0,
    next_try_at timestamptz,
    constraint record_outbox_pkey primary key (stream, record_id)
);
comment on table record_outbox is
    'Records still to be sent to a stream. A row goes when the stream has taken its record; one that may have taken it gets it again, under the same id.';
create index record_outbox_due on record_outbox (stream, next_try_at nulls first, record_id);
grant select on record_streams to numbercloak_app;
grant select, update, delete on record_outbox to numbercloak_app;

-- Every record goes through audit_pending, in the transaction that appends it.
create function fill_outbox()
returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
begin
    insert into record_outbox (stream, record_id)
    select s.name, a.record_id
    from record_streams s
    cross join appended a;
    return null;
end
$$;
comment on function fill_outbox is 'Queues appended records for every stream.';
create trigger fill_outbox after insert on audit_pending
    referencing new table as appended
    for each statement execute function fill_outbox();
alter table audit_pending disable trigger fill_outbox;

create function set_record_streams(names text[])
returns void
language plpgsql
security definer
set search_path = public, pg_temp
set lock_timeout = '5s'
as $$
begin
    -- two servers that start at once
    perform pg_advisory_xact_lock(hashtext('record_streams'));
    if (select coalesce(array_agg(name order by name), '{}') from record_streams)
        = (select coalesce(array_agg(distinct name order by name), '{}') from unnest(names) as name) then
        return;
    end if;
    delete from record_streams where name <> all(names);
    delete from record_outbox where stream <> all(names);
    insert into record_streams (name)
    select distinct name from unnest(names) as name
    on conflict (name) do nothing;
    -- without a stream a login pays nothing
    if cardinality(names) > 0 then
        alter table audit_pending enable trigger fill_outbox;
    else
        alter table audit_pending disable trigger fill_outbox;
    end if;
end
$$;
comment on function set_record_streams is
    'Says which streams there are. What is queued for others is forgotten.';
revoke execute on function set_record_streams(text[]) from public;
revoke execute on function fill_outbox() from public;
grant execute on function set_record_streams(text[]) to numbercloak_app;

create table record_alerts (
    kind text not null,
    about text not null,
    hour timestamptz not null,
    constraint record_alerts_pkey primary key (kind, about, hour)
);
comment on table record_alerts is 'Alerts that were raised, so that each is raised once an hour over all servers.';
grant select, insert, delete on record_alerts to numbercloak_app;
