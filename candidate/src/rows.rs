//! Rows of numbers in f32 or in fewer bits: weights are kept in them, and so is the KV cache.

use std::ops::Range;

use half::{bf16, f16};

/// Equally long rows, in one format.
pub struct Rows {
    width: usize,
    len: usize,
    store: Store,
}

enum Store {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
    Int(Blocks),
}

/// Integers of `bits` bits, with one scale for each `block` of them. A block begins with a row, the last of
/// a row may be shorter, and every block takes `stride` bytes: one for each integer of 5 to 8 bits, or one
/// for two smaller ones, from the first and the second half of the block.
struct Blocks {
    bits: u32,
    block: usize,
    stride: usize,
    bytes: Vec<u8>,
    scales: Vec<f32>,
}

impl Rows {
    /// No rows yet, for weights: f32, bf16, integers with a scale per row, or with a scale per 32 values.
    pub fn for_weights(bits: u32, width: usize) -> Self {
        let store = match bits {
            32 => Store::F32(Vec::new()),
            16 => Store::Bf16(Vec::new()),
            5..=8 => Store::Int(Blocks::new(bits, width)),
            _ => Store::Int(Blocks::new(bits, 32)),
        };
        Self { width, len: 0, store }
    }

    /// No rows yet, for a cache: f32, f16, or integers with a scale per `head_dim` values.
    pub fn for_cache(bits: u32, width: usize, head_dim: usize) -> Self {
        let store = match bits {
            32 => Store::F32(Vec::new()),
            16 => Store::F16(Vec::new()),
            _ => Store::Int(Blocks::new(bits, head_dim)),
        };
        Self { width, len: 0, store }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Makes room for `rows` more rows, and no more than that.
    pub fn reserve(&mut self, rows: usize) {
        let values = rows * self.width;
        match &mut self.store {
            Store::F32(all) => all.reserve_exact(values),
            Store::F16(all) => all.reserve_exact(values),
            Store::Bf16(all) => all.reserve_exact(values),
            Store::Int(blocks) => {
                let count = rows * self.width.div_ceil(blocks.block);
                blocks.bytes.reserve_exact(count * blocks.stride);
                blocks.scales.reserve_exact(count);
            }
        }
    }

    /// Appends a row, rounded to the format.
    pub fn push(&mut self, row: &[f32]) {
        assert_eq!(row.len(), self.width);
        self.len += 1;
        match &mut self.store {
            Store::F32(all) => all.extend_from_slice(row),
            Store::F16(all) => all.extend(row.iter().map(|&v| f16::from_f32(v))),
            Store::Bf16(all) => all.extend(row.iter().map(|&v| bf16::from_f32(v))),
            Store::Int(blocks) => row.chunks(blocks.block).for_each(|values| blocks.push(values)),
        }
    }

    /// Some columns of a row as f32, in `scratch` where they are not kept as such. Where the format has
    /// blocks, the columns begin with one.
    pub fn read<'a>(&'a self, row: usize, columns: Range<usize>, scratch: &'a mut [f32]) -> &'a [f32] {
        let cells = row * self.width + columns.start..row * self.width + columns.end;
        let scratch = &mut scratch[..columns.len()];
        match &self.store {
            Store::F32(all) => return &all[cells],
            Store::F16(all) => scratch.iter_mut().zip(&all[cells]).for_each(|(s, v)| *s = v.to_f32()),
            Store::Bf16(all) => scratch.iter_mut().zip(&all[cells]).for_each(|(s, v)| *s = v.to_f32()),
            Store::Int(blocks) => {
                let first = row * self.width.div_ceil(blocks.block) + columns.start / blocks.block;
                for (i, values) in scratch.chunks_mut(blocks.block).enumerate() {
                    blocks.read(first + i, values);
                }
            }
        }
        scratch
    }
}

impl Blocks {
    fn new(bits: u32, block: usize) -> Self {
        let stride = if bits > 4 { block } else { block.div_ceil(2) };
        Self { bits, block, stride, bytes: Vec::new(), scales: Vec::new() }
    }

    fn push(&mut self, values: &[f32]) {
        let most = ((1 << (self.bits - 1)) - 1) as f32;
        let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let scale = if largest > 0.0 { largest / most } else { 1.0 };
        let end = self.bytes.len() + self.stride;
        let integer = |v: &f32| (v / scale).round().clamp(-most, most) as i8;
        if self.bits > 4 {
            self.bytes.extend(values.iter().map(|v| integer(v) as u8));
        } else {
            let (low, high) = values.split_at(self.stride.min(values.len()));
            let half = |v: &f32| (integer(v) + 8) as u8;
            self.bytes
                .extend(low.iter().enumerate().map(|(i, v)| half(v) | high.get(i).map_or(0, half) << 4));
        }
        self.bytes.resize(end, 0);
        self.scales.push(scale);
    }

    fn read(&self, index: usize, values: &mut [f32]) {
        let scale = self.scales[index];
        let bytes = &self.bytes[index * self.stride..][..self.stride];
        if self.bits > 4 {
            for (value, byte) in values.iter_mut().zip(bytes) {
                *value = scale * f32::from(*byte as i8);
            }
        } else {
            let (low, high) = values.split_at_mut(self.stride.min(values.len()));
            for (value, byte) in low.iter_mut().zip(bytes) {
                *value = scale * (f32::from(byte & 15) - 8.0);
            }
            for (value, byte) in high.iter_mut().zip(bytes) {
                *value = scale * (f32::from(byte >> 4) - 8.0);
            }
        }
    }
}
