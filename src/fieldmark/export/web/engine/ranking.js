// Indices of numbers, the largest first; equal ones keep their order.

export function ranking(values) {
  return Array.from(values, (_, index) => index).sort((one, other) => values[other] - values[one] || one - other);
}
