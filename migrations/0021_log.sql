-- The log that audit records are sealed in: RFC 6962 trees, stored as tiles
-- (docs/decisions/0005-the-log.md). The application's role reads these tables and writes them only
-- through the functions below, which append and never alter.

create table logs (
    id integer generated always as identity constraint logs_pkey primary key,
    origin text not null constraint logs_origin_key unique,
    started_at timestamptz not null,
    ended_at timestamptz,
    size bigint not null,
    root bytea not null,
    mac bytea not null,
    mac_key_id text not null,
    sealed_at timestamptz not null
);
comment on table logs is
    'One row per tree. The current one, without ended_at, grows; the others are what a restore left behind. mac: over origin, size and root, so that only a server can move it.';
create unique index logs_one_current on logs ((true)) where ended_at is null;

create table log_leaves (
    record_id uuid not null constraint log_leaves_pkey primary key,
    log integer not null,
    leaf bigint not null
) partition by range (record_id);
comment on table log_leaves is 'Which leaf of which log a sealed record is.';
create table log_leaves_default partition of log_leaves default;
create index log_leaves_leaf on log_leaves (log, leaf);

create table log_tiles (
    log integer not null,
    level smallint not null,
    tile bigint not null,
    hashes bytea not null,
    constraint log_tiles_pkey primary key (log, level, tile)
);
alter table log_tiles alter column hashes set storage external;
comment on table log_tiles is
    'Up to 256 hashes of the tree at level 8 × level, from tile × 256 on. A tile only grows.';

create table log_checkpoints (
    log integer not null,
    size bigint not null,
    note text not null,
    signed_at timestamptz not null,
    constraint log_checkpoints_pkey primary key (log, size)
);
comment on table log_checkpoints is 'Every checkpoint signed, as a C2SP signed note.';

create table log_places (
    place text not null constraint log_places_pkey primary key,
    origin text,
    size bigint,
    note text,
    kept_at timestamptz,
    tried_at timestamptz not null,
    trouble text
);
comment on table log_places is
    'Outside places: the last checkpoint each confirmed, with a witness''s cosignature, and what went wrong since.';

grant select on logs, log_leaves, log_tiles, log_checkpoints to numbercloak_app;
grant insert on log_checkpoints to numbercloak_app;
grant select, insert, update on log_places to numbercloak_app;

-- what is sealed soon needs no room to grow in, but to be cleaned often
alter table audit_pending set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- the monthly partitions of sealed leaves go with those of the records
create or replace function make_partitions(parent text, moment timestamptz)
returns void
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    month timestamptz;
    name text;
begin
    if parent not in ('audit_records', 'audit_personal', 'log_leaves', 'logins', 'legs') then
        raise exception 'no partitions are made for %', parent;
    end if;
    for i in 0..2 loop
        month := date_trunc('month', moment at time zone 'utc') at time zone 'utc';
        month := (month at time zone 'utc' + make_interval(months => i)) at time zone 'utc';
        name := parent || '_' || to_char(month at time zone 'utc', 'YYYYMM');
        if to_regclass(name) is null then
            execute format(
                'create table %I partition of %I for values from (%L) to (%L) with (fillfactor = %s)',
                name,
                parent,
                uuid_floor(month),
                uuid_floor((month at time zone 'utc' + interval '1 month') at time zone 'utc'),
                -- rows that are updated a few times find room beside themselves
                case when parent in ('logins', 'legs') then 60 else 100 end
            );
        end if;
    end loop;
end
$$;

-- moves the head of a log by compare-and-set and writes the leaves and tiles that go with it; false if
-- another server was first
create function seal_leaves(
    sealed_log integer, old_size bigint, new_size bigint, new_root bytea, new_mac bytea, new_mac_key_id text,
    moment timestamptz, ids uuid[], tile_levels smallint[], tile_indexes bigint[], tile_hashes bytea[],
    refused uuid[], refusals audit_entry[]
)
returns boolean
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    written bigint;
begin
    -- courtesy: of two servers that would do the same work, the second does not wait for the first
    if not pg_try_advisory_xact_lock(1818191461) then
        return false;
    end if;
    update logs
    set size = new_size, root = new_root, mac = new_mac, mac_key_id = new_mac_key_id, sealed_at = moment
    where id = sealed_log and size = old_size and ended_at is null;
    if not found then
        return false;
    end if;
    if new_size <> old_size + cardinality(ids) then
        raise exception 'a log grows by as many leaves as it is given';
    end if;

    insert into log_leaves (record_id, log, leaf)
    select id, sealed_log, old_size + place - 1
    from unnest(ids) with ordinality as given (id, place);

    insert into log_tiles (log, level, tile, hashes)
    select sealed_log, level, tile, hashes
    from unnest(tile_levels, tile_indexes, tile_hashes) as given (level, tile, hashes)
    on conflict (log, level, tile) do update
    set hashes = excluded.hashes
    where substring(excluded.hashes for length(log_tiles.hashes)) = log_tiles.hashes;
    get diagnostics written = row_count;
    if written <> cardinality(tile_levels) then
        raise exception 'a tile only grows';
    end if;

    delete from audit_pending where record_id = any(ids || refused);
    if cardinality(refusals) > 0 then
        perform append_audit(refusals);
    end if;
    return true;
end
$$;
comment on function seal_leaves is
    'Appends sealed records to the current log, in one transaction: head, leaves, tiles, and what was pending.';

-- ends the current log, if it is the one expected, and begins another with its first record
create function start_log(
    old_log integer, new_origin text, new_root bytea, new_mac bytea, new_mac_key_id text,
    moment timestamptz, first audit_entry
)
returns boolean
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    new_log integer;
begin
    perform pg_advisory_xact_lock(1818191461);
    update logs set ended_at = moment where ended_at is null and id = old_log;
    if exists (select from logs where ended_at is null) then
        return false;
    end if;
    insert into logs (origin, started_at, size, root, mac, mac_key_id, sealed_at)
    values (new_origin, moment, 1, new_root, new_mac, new_mac_key_id, moment)
    returning id into new_log;
    perform append_audit(array[first]);
    delete from audit_pending where record_id = first.id;
    insert into log_leaves (record_id, log, leaf) values (first.id, new_log, 0);
    insert into log_tiles (log, level, tile, hashes) values (new_log, 0, 0, new_root);
    return true;
end
$$;
comment on function start_log is
    'Begins a log: the first one, or the next after a restore lost sealed records.';

revoke execute on function seal_leaves from public;
revoke execute on function start_log from public;
grant execute on function seal_leaves, start_log to numbercloak_app;
