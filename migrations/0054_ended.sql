-- an app that was removed stays removed, and the telco finder's revisions never repeat

alter table clients
    add column ended_at timestamptz,
    add constraint clients_ended_check check (ended_at is null or disabled_at is not null);
comment on column clients.ended_at is
    'Set: removed for good. The row stays, refused everywhere and never edited again, so that nobody else gets its client_id or its subs.';

-- A row that is removed and made anew must not bear a revision that somebody saw.
create sequence telco_finder_revisions as integer;
select setval('telco_finder_revisions', coalesce((select max(revision) from telco_finders), 0) + 1, false);
grant usage on sequence telco_finder_revisions to numbercloak_app;
