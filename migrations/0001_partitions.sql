-- What grows without end is partitioned by ranges over its UUIDv7 key, whose first 48 bits are the
-- time in milliseconds, and is retired by dropping partitions. The application's role may do neither
-- by itself: it calls the functions below, which run as their owner.

do $$
begin
    create role numbercloak_app nologin;
exception
    when duplicate_object or unique_violation then null;
    -- made beforehand for a migrator that may not make roles
    when insufficient_privilege then
        if to_regrole('numbercloak_app') is null then
            raise;
        end if;
end
$$;

-- so that one login can migrate and then serve with the application's rights only
do $$
begin
    execute format('grant numbercloak_app to %I', current_user);
exception
    when insufficient_privilege then null;
end
$$;

grant usage on schema public to numbercloak_app;

-- the smallest UUIDv7 of a moment
create function uuid_floor(moment timestamptz)
returns uuid
language sql
immutable
strict
parallel safe
as $$
    select (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0')
        || '70008000000000000000')::uuid
$$;

comment on function uuid_floor is 'The smallest UUIDv7 whose time is the given moment.';

-- makes the monthly partitions of one table from the month of `moment` to two months ahead
create function make_partitions(parent text, moment timestamptz)
returns void
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    month timestamptz;
    name text;
begin
    if parent not in ('audit_records', 'audit_personal', 'logins', 'legs') then
        raise exception 'no partitions are made for %', parent;
    end if;
    for i in 0..2 loop
        month := date_trunc('month', moment at time zone 'utc') at time zone 'utc';
        month := (month at time zone 'utc' + make_interval(months => i)) at time zone 'utc';
        name := parent || '_' || to_char(month at time zone 'utc', 'YYYYMM');
        if to_regclass(name) is null then
            execute format(
                'create table %I partition of %I for values from (%L) to (%L)',
                name,
                parent,
                uuid_floor(month),
                uuid_floor((month at time zone 'utc' + interval '1 month') at time zone 'utc')
            );
        end if;
    end loop;
end
$$;

comment on function make_partitions is
    'Makes the partitions of a growing table for this month and the two after it; called by the server every hour.';
