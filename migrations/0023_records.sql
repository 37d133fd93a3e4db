-- Finding records, keeping them as long as they must be kept and no longer, erasing what is personal.

create index audit_records_operator on audit_records (operator, id) where operator is not null;
create index audit_records_outcome on audit_records (outcome, id) where outcome is not null;
create index audit_records_actor on audit_records (actor, id) where actor is not null;
-- a page of one number's records, newest first, reads no others
drop index audit_personal_number;
create index audit_personal_number on audit_personal (number_hash, record_id)
    where number_hash is not null;
create index audit_personal_key on audit_personal (key_id, record_id);

create table record_words (
    record_id uuid not null,
    word bytea not null,
    constraint record_words_pkey primary key (record_id, word)
) partition by range (record_id);
comment on table record_words is
    'Keyed hashes of the address and the networks a login began from, by its first record. Written by a job some minutes later, so that logins pay nothing for it; erased with the personal part.';
create table record_words_default partition of record_words default;
create index record_words_word on record_words (word, record_id);

create table login_references (
    login_id uuid not null,
    reference text not null,
    constraint login_references_pkey primary key (login_id)
) partition by range (login_id);
comment on table login_references is
    'What people read to support (the last eight digits of a login''s id), written by the same job.';
create table login_references_default partition of login_references default;
create index login_references_reference on login_references (reference, login_id);

create table record_jobs (
    name text not null constraint record_jobs_pkey primary key,
    done_until timestamptz not null
);
comment on table record_jobs is 'How far the jobs that read records have come.';

grant select, insert on record_words, login_references to numbercloak_app;
grant select, insert, update on record_jobs to numbercloak_app;

create table legal_holds (
    id uuid not null constraint legal_holds_pkey primary key,
    from_at timestamptz not null,
    until_at timestamptz not null,
    reason text not null,
    placed_by text not null,
    placed_at timestamptz not null,
    released_by text,
    released_at timestamptz,
    constraint legal_holds_span_check check (from_at < until_at)
);
comment on table legal_holds is
    'Times whose records and personal parts may be neither dropped nor erased, until the hold is released.';
grant select, insert on legal_holds to numbercloak_app;
grant update (released_by, released_at) on legal_holds to numbercloak_app;

-- makes the monthly partitions of one table from the month of `moment` to two months ahead
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
    if parent not in ('audit_records', 'audit_personal', 'log_leaves', 'logins', 'legs', 'record_words',
        'login_references') then
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

select make_partitions(name, moment)
from unnest(array['record_words', 'login_references']) as name,
    (select now() as moment) as clock;

-- The only way in which records leave. `month` is the first day of the partition's month in UTC; the
-- entries are the tombstone that stays in its place.
create function drop_partition(
    parent text, month date, moment timestamptz, keep interval, entries audit_entry[]
)
returns void
language plpgsql
security definer
set search_path = public, pg_temp
-- whoever inserts waits behind whoever waits for this lock
set lock_timeout = '200ms'
as $$
declare
    name text := parent || '_' || to_char(month, 'YYYYMM');
    starts timestamptz := month::timestamp at time zone 'utc';
    ends timestamptz := (month + interval '1 month') at time zone 'utc';
begin
    if parent not in ('audit_records', 'audit_personal', 'log_leaves', 'logins', 'legs', 'record_words',
        'login_references') or extract(day from month) <> 1 then
        raise exception 'no partitions are dropped of %', parent;
    end if;
    if not exists (
        select from pg_inherits
        where inhrelid = to_regclass(name) and inhparent = to_regclass(parent)
    ) then
        raise exception '% is no partition', name using errcode = 'undefined_table';
    end if;
    -- a server whose clock runs ahead drops nothing early, nor does one with a slip in its settings
    if ends > least(moment, clock_timestamp()) - keep
        or keep < (case when parent in ('audit_records', 'log_leaves') then interval '30 days' else interval '1 day' end) then
        raise exception '% is too young', name;
    end if;
    if parent not in ('logins', 'legs') then
        if exists (
            select from legal_holds
            where released_at is null and from_at < ends and until_at > starts
        ) then
            raise exception '% is under a legal hold', name;
        end if;
        if exists (
            select from audit_pending
            where record_id >= uuid_floor(starts) and record_id < uuid_floor(ends)
        ) then
            raise exception '% is not sealed', name;
        end if;
    end if;
    if parent = 'audit_records' and to_regclass('audit_personal_' || to_char(month, 'YYYYMM')) is not null then
        raise exception 'personal parts of % are still there', name;
    end if;
    if append_audit(entries) < 1 then
        raise exception 'nothing is dropped without a record';
    end if;
    execute format('drop table %I', name);
end
$$;
comment on function drop_partition is
    'Drops a month of a growing table, if it is old enough, sealed and under no hold, and appends the record of it.';

-- Erases personal parts and appends the records that list them: a part that is missing and that no
-- sealed record lists is found.
create function erase_personal(ids uuid[], entries audit_entry[])
returns bigint
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    gone bigint;
begin
    if exists (
        select
        from unnest(ids) as given (record_id)
        join legal_holds h on h.released_at is null and given.record_id >= uuid_floor(h.from_at)
            and given.record_id < uuid_floor(h.until_at)
    ) then
        raise exception 'a part is under a legal hold';
    end if;
    if append_audit(entries) < 1 then
        raise exception 'nothing is erased without a record';
    end if;
    delete from record_words where record_id = any(ids);
    delete from audit_personal where record_id = any(ids);
    get diagnostics gone = row_count;
    return gone;
end
$$;
comment on function erase_personal is
    'Erases personal parts of records and appends the records that list them.';

-- The same personal part under another root key: the record's commitment is over what is inside.
create function rekey_personal(
    record uuid, old_sealed bytea, new_key_id text, new_hash bytea, new_sealed bytea
)
returns boolean
language sql
security definer
set search_path = public, pg_temp
as $$
    update audit_personal
    set key_id = new_key_id, number_hash = new_hash, sealed = new_sealed
    where record_id = record and sealed = old_sealed
        and (number_hash is null) = (new_hash is null)
    returning true
$$;
comment on function rekey_personal is
    'Seals a personal part and hashes its number under another root key. An altered part breaks its record''s commitment.';

do $$
declare
    signature text;
begin
    foreach signature in array array[
        'drop_partition(text, date, timestamptz, interval, audit_entry[])',
        'erase_personal(uuid[], audit_entry[])',
        'rekey_personal(uuid, bytea, text, bytea, bytea)'
    ] loop
        execute format('revoke execute on function %s from public', signature);
        execute format('grant execute on function %s to numbercloak_app', signature);
    end loop;
end
$$;
