//! Products of matrices, and the few functions between them. Matrices are slices, row after row.

/// Rows and columns of the block of a product that is kept in registers.
const ROWS: usize = 4;
const COLUMNS: usize = 32;

/// `c += a b`, where `a` has `m` rows of `k` numbers, `b` `k` rows of `n`.
pub fn add_product(a: &[f32], b: &[f32], c: &mut [f32], (m, k, n): (usize, usize, usize)) {
    let mut row = 0;
    while row < m {
        let rows = ROWS.min(m - row);
        let mut column = 0;
        while rows == ROWS && column + COLUMNS <= n {
            let mut sums = [[0.0; COLUMNS]; ROWS];
            for at in 0..k {
                let of_b: &[f32; COLUMNS] = b[at * n + column..][..COLUMNS].try_into().expect("a block");
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = a[(row + r) * k + at];
                    sums.iter_mut().zip(of_b).for_each(|(sum, y)| *sum += x * y);
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                add(&mut c[(row + r) * n + column..][..COLUMNS], sums, 1.0);
            }
            column += COLUMNS;
        }
        for r in row..row + rows {
            for at in 0..k {
                let x = a[r * k + at];
                add(&mut c[r * n + column..(r + 1) * n], &b[at * n + column..(at + 1) * n], x);
            }
        }
        row += rows;
    }
}

/// `a b`.
pub fn product(a: &[f32], b: &[f32], (m, k, n): (usize, usize, usize)) -> Vec<f32> {
    let mut c = vec![0.0; m * n];
    add_product(a, b, &mut c, (m, k, n));
    c
}

/// Rows as columns: `a` has `m` rows of `n` numbers.
pub fn turned(a: &[f32], m: usize, n: usize) -> Vec<f32> {
    let mut turned = vec![0.0; m * n];
    for (i, row) in a.chunks_exact(n).enumerate() {
        row.iter().enumerate().for_each(|(j, x)| turned[j * m + i] = *x);
    }
    turned
}

/// `to += factor * from`.
pub fn add(to: &mut [f32], from: &[f32], factor: f32) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

/// Sum of the products of two slices.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        (0..8).for_each(|i| sums[i] += a[i] * b[i]);
    }
    sums.iter().sum()
}

/// Each row divided by the root of its mean square, and what it was multiplied by.
pub fn normed(x: &[f32], width: usize) -> (Vec<f32>, Vec<f32>) {
    let factor = |row: &[f32]| 1.0 / (dot(row, row) / width as f32 + 1e-6).sqrt();
    let factors: Vec<f32> = x.chunks_exact(width).map(factor).collect();
    let mut y = x.to_vec();
    y.chunks_exact_mut(width).zip(&factors).for_each(|(row, f)| row.iter_mut().for_each(|x| *x *= f));
    (y, factors)
}

/// Adds to `dx` what [`normed`] makes of a gradient `dy` of its result `y`.
pub fn normed_back((y, factors): &(Vec<f32>, Vec<f32>), dy: &[f32], dx: &mut [f32], width: usize) {
    let rows = y.chunks_exact(width).zip(dy.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
    for (((y, dy), dx), factor) in rows.zip(factors) {
        let mean = dot(y, dy) / width as f32;
        (0..width).for_each(|i| dx[i] += factor * (dy[i] - y[i] * mean));
    }
}

/// Makes shares that add up to 1 of scores. Returns the logarithm of what they were divided by.
pub fn softmax(scores: &mut [f32]) -> f32 {
    let largest = scores.iter().copied().fold(f32::MIN, f32::max);
    scores.iter_mut().for_each(|x| *x = (*x - largest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|x| *x /= sum);
    largest + sum.ln()
}

/// Random numbers: splitmix64 (G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014).
pub struct Random(pub u64);

impl Random {
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.word()) * n as u128) >> 64) as usize
    }

    /// Uniform, with mean 0 and this standard deviation.
    pub fn weight(&mut self, deviation: f32) -> f32 {
        ((self.word() >> 40) as f32 / (1u32 << 23) as f32 - 1.0) * deviation * 3f32.sqrt()
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
