create table products (
  id text primary key,
  name text not null,
  description text not null,
  price_cents integer not null check (price_cents >= 0)
);

insert into products (id, name, description, price_cents) values
  ('mug', 'Enamel mug', 'Holds 350 ml. Survives being dropped.', 1450),
  ('notebook', 'Field notebook', '96 dotted pages that take fountain pen.', 1200),
  ('lamp', 'Desk lamp', 'Warm light, one joint, no app.', 6900),
  ('tote', 'Canvas tote', 'Heavy cotton with an inside pocket.', 2400),
  ('poster', 'Tide table poster', 'Printed every year, 50 by 70 cm.', 1900),
  ('kettle', 'Pour-over kettle', '900 ml, steel, a narrow spout.', 5600);
