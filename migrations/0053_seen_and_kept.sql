-- edits of accounts, passkeys and networks name the state that was seen; files keep the telco finder and networks

alter table staff add column revision integer not null default 1;
comment on column staff.revision is 'Counts changes of what the account may do; its ETag.';
alter table staff_passkeys add column revision integer not null default 1;
comment on column staff_passkeys.revision is 'Counts its names; its ETag.';

alter table telco_finders add column managed_by text;
comment on column telco_finders.managed_by is 'Whose file it is kept as by `numbercloak apply`.';
alter table network_ranges add column managed_by text;
comment on column network_ranges.managed_by is 'Whose file they are kept as by `numbercloak apply`.';
