create table orders (
  id uuid primary key default gen_random_uuid(),
  idempotency_key text unique,
  created_at timestamptz not null default now()
);

create table order_lines (
  order_id uuid not null references orders (id),
  line integer not null,
  product_id text not null references products (id),
  quantity integer not null check (quantity > 0),
  price_cents integer not null, -- what it cost when it was ordered
  primary key (order_id, line)
);
