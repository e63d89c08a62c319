// What the scripts share: where the server is, webhooks, and items that are to be seen once.

/** The base address, as in `http://127.0.0.1:8080`, and the route key of the source `downtown`. */
export const [base, routeKey] = process.argv.slice(2);
export const endpoint = `${base}/graphql`;

/** Posts a webhook as the vendor does, and returns its answer, which comes once it is durable. */
export async function deliver(appointmentId, eventType) {
  const answer = await fetch(`${base}/webhook/${routeKey}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ appointment_id: appointmentId, event_type: eventType }),
  });
  if (answer.status !== 200) throw new Error(`a webhook was answered with ${answer.status}`);
  return answer.json();
}

/**
 * Webhooks between one page and the next: an appointment that comes before those on the pages, one that comes after all
 * of them, and another delivery for the appointment with the long history. Those that a later page has to show are in
 * `ahead` and `positions`.
 */
export function traffic() {
  const ahead = [];
  const positions = [];
  const between = async () => {
    const [low, high] = [1 + ahead.length, 5001 + ahead.length];
    await deliver(low, 'create');
    await deliver(high, 'create');
    positions.push((await deliver(Number(longest), 'demographics_update')).position);
    ahead.push(String(high));
  };
  return { ahead, positions, between };
}

/** How many were seen, which of `expected` were not, and which were seen more than once. */
export function tally(expected, items) {
  const counts = new Map();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  const missing = expected.filter((item) => !counts.has(item));
  const twice = [...counts].filter(([, count]) => count > 1).map(([item]) => item);
  return { seen: items.length, missing, twice };
}

/** The appointments and the long history that the test has posted before. */
export const appointments = Array.from({ length: 60 }, (_, index) => String(index * 10 + 1000));
export const longest = '1000';
export const historyPositions = Array.from({ length: 46 }, (_, index) => String(index === 0 ? 1 : index + 60));
