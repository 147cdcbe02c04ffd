/** Asks the API four times a second and shows who answered, and how fast. */

const EVERY_MS = 250;
const TIMEOUT_MS = 5_000;
const KEPT = 240; // 60 s
const CHART = { width: 600, height: 120 };

/** @type {{ milliseconds: number, failed: boolean, replica?: string, version?: string }[]} */
const samples = [];
let sent = 0;
let failed = 0;

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

async function ask() {
  const started = performance.now();
  const sample = { milliseconds: 0, failed: false, replica: undefined, version: undefined };
  try {
    const response = await fetch('/api/version', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    Object.assign(sample, await response.json());
  } catch {
    sample.failed = true;
    failed += 1;
  }
  sample.milliseconds = performance.now() - started;
  sent += 1;
  samples.push(sample);
  if (samples.length > KEPT) samples.shift();
  show(sample);
}

/** @param {typeof samples[number]} latest */
function show(latest) {
  element('status').textContent = latest.failed ? 'failing' : 'live';
  element('status').dataset.state = latest.failed ? 'down' : 'up';
  element('latest').textContent = latest.failed ? 'failed' : `${latest.milliseconds.toFixed(0)} ms`;
  if (!latest.failed) {
    element('version').textContent = latest.version ?? '–';
    element('replica').textContent = latest.replica ?? '–';
  }
  element('median').textContent = `${median().toFixed(0)} ms`;
  element('sent').textContent = sent.toLocaleString();
  element('failed').textContent = failed.toLocaleString();
  showChart();
  showReplicas();
}

function median() {
  const times = samples.filter((sample) => !sample.failed).map((sample) => sample.milliseconds);
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

function showChart() {
  const highest = Math.max(20, ...samples.map((sample) => sample.milliseconds));
  const step = CHART.width / KEPT;
  const bars = samples.map((sample, index) => {
    const height = sample.failed ? CHART.height : Math.max(2, (sample.milliseconds / highest) * CHART.height);
    const bar = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    bar.setAttribute('x', String((KEPT - samples.length + index) * step));
    bar.setAttribute('y', String(CHART.height - height));
    bar.setAttribute('width', String(step * 0.7));
    bar.setAttribute('height', String(height));
    if (sample.failed) bar.setAttribute('class', 'failed');
    return bar;
  });
  element('chart').replaceChildren(...bars);
}

function showReplicas() {
  const counts = new Map();
  for (const { replica, version } of samples) {
    if (replica) counts.set(`${version} ${replica}`, (counts.get(`${version} ${replica}`) ?? 0) + 1);
  }
  const items = [...counts].sort().map(([name, count]) => item(`${name} · ${count}`));
  element('replicas').replaceChildren(...items);
}

async function showProducts() {
  const response = await fetch('/api/products');
  if (!response.ok) throw new Error(`status ${response.status}`);
  const { products } = await response.json();
  element('products').replaceChildren(
    ...products.map((product) => {
      const name = Object.assign(document.createElement('div'), { className: 'name' });
      const price = (product.priceCents / 100).toLocaleString(undefined, { style: 'currency', currency: 'EUR' });
      name.append(item(product.name, 'span'), item(price, 'span'));
      const entry = document.createElement('li');
      entry.append(name, item(product.description, 'p'));
      return entry;
    }),
  );
}

/** @param {string} text @param {string} [tag] */
function item(text, tag = 'li') {
  return Object.assign(document.createElement(tag), { textContent: text });
}

/** One request at a time, so that a slow answer does not pile up more. */
async function poll() {
  await ask();
  setTimeout(poll, EVERY_MS);
}

/** Until it works: the page may come up before the API. */
async function loadProducts() {
  await showProducts().catch(() => setTimeout(loadProducts, 1_000));
}

poll();
loadProducts();
