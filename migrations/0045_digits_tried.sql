-- a form that is sent twice

alter table handoffs add column digits_tried bytea;
comment on column handoffs.digits_tried is
    'The keyed hash of the digits that were typed wrong last: the same ones once more, by a double tap or a reload, are no other try.';
