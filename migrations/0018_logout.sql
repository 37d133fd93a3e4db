create table logout_deliveries (
    session_id uuid not null,
    client_id text not null,
    subject text not null,
    sid text not null,
    tries integer not null,
    next_try_at timestamptz not null,
    queued_at timestamptz not null,
    constraint logout_deliveries_pkey primary key (session_id, client_id)
);
comment on table logout_deliveries is
    'Clients still to be told, server to server, that a session ended (Back-Channel Logout). A row goes when its client has confirmed, or after the last try.';
create index logout_deliveries_due on logout_deliveries (next_try_at);
grant select, insert, update, delete on logout_deliveries to numbercloak_app;

create function session_ended()
returns trigger
language plpgsql
as $$
begin
    insert into logout_deliveries
        (session_id, client_id, subject, sid, tries, next_try_at, queued_at)
    select distinct on (g.client_id)
        new.id, g.client_id, g.subject, g.facts ->> 'sid', 0, new.ended_at, new.ended_at
    from grants g
    join clients c on c.client_id = g.client_id
    where g.session_id = new.id and c.disabled_at is null
        and c.settings ->> 'backchannel_logout_uri' is not null
    order by g.client_id, g.created_at desc
    on conflict do nothing;

    update grants
    set ended_at = new.ended_at
    where session_id = new.id and ended_at is null
        and not (facts -> 'scopes' ? 'offline_access');
    return null;
end
$$;
comment on function session_ended is
    'What follows when a session ends, whoever ends it: its clients are to be told, and what they hold without offline_access ends (Back-Channel Logout section 2.7).';
create trigger session_ended after update of ended_at on sessions
    for each row when (old.ended_at is null and new.ended_at is not null)
    execute function session_ended();
