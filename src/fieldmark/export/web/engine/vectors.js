// Rows of numbers: a matrix is { data, shape: [rows, columns] }.

export const dot = (one, other) => {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += one[index] * other[index];
  return sum;
};

export const row = ({ data, shape }, index) => data.subarray(index * shape[1], (index + 1) * shape[1]);

export const minus = (one, other) => Float64Array.from(one, (value, index) => value - other[index]);

export function unit(vector) {
  const length = Math.max(Math.sqrt(dot(vector, vector)), 1e-12);
  return Float64Array.from(vector, (value) => value / length);
}

// A matrix times a vector: one dot product for each row.
export const products = (matrix, vector) =>
  Float64Array.from({ length: matrix.shape[0] }, (_, index) => dot(row(matrix, index), vector));

export const largest = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);
