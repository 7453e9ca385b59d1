//! How numbers lie in a file: whole, halved, or in blocks of 32 that share a scale.
//!
//! Source: the types of ggml, as its documentation of GGUF and `ggml-common.h` name them.

use half::{bf16, f16};

/// Numbers of one block.
pub const BLOCK: usize = 32;

/// How the numbers of a matrix are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFormat {
    /// 32 bits.
    F32,
    /// 16 bits, 5 of them the exponent.
    F16,
    /// 16 bits, 8 of them the exponent.
    Bf16,
    /// 8 bits, and a scale of 16 for each block.
    Q8,
    /// 4 bits, and a scale of 16 for each block.
    Q4,
}

impl NumberFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::Bf16, Self::Q8, Self::Q4];

    /// What it is called: `f32`, `f16`, `bf16`, `q8_0`, `q4_0`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8 => "q8_0",
            Self::Q4 => "q4_0",
        }
    }

    /// The number that stands for it beside each tensor.
    pub fn tensor_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Bf16 => 30,
            Self::Q8 => 8,
            Self::Q4 => 2,
        }
    }

    /// The number that stands for a file whose matrices have it (`general.file_type`).
    pub fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Bf16 => 32,
            Self::Q8 => 7,
            Self::Q4 => 2,
        }
    }

    /// Bytes that so many numbers take; absent where they fill no whole blocks.
    pub fn bytes(self, numbers: usize) -> Option<usize> {
        let blocks = || numbers.is_multiple_of(BLOCK).then_some(numbers / BLOCK);
        match self {
            Self::F32 => Some(numbers * 4),
            Self::F16 | Self::Bf16 => Some(numbers * 2),
            Self::Q8 => Some(blocks()? * (2 + BLOCK)),
            Self::Q4 => Some(blocks()? * (2 + BLOCK / 2)),
        }
    }

    /// Writes numbers.
    ///
    /// # Panics
    /// Numbers that fill no whole blocks, where there are blocks: [`Self::bytes`] says so before.
    pub fn write(self, numbers: &[f32], to: &mut Vec<u8>) {
        match self {
            Self::F32 => to.extend(numbers.iter().flat_map(|number| number.to_le_bytes())),
            Self::F16 => to.extend(numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes())),
            Self::Bf16 => to.extend(numbers.iter().flat_map(|number| bf16::from_f32(*number).to_le_bytes())),
            Self::Q8 | Self::Q4 => {
                let (blocks, rest) = numbers.as_chunks::<BLOCK>();
                assert!(rest.is_empty(), "{} numbers fill no whole blocks", numbers.len());
                let write = if self == Self::Q8 { write_q8 } else { write_q4 };
                blocks.iter().for_each(|block| write(block, to));
            }
        }
    }
}

/// The largest becomes 127 steps.
fn write_q8(block: &[f32; BLOCK], to: &mut Vec<u8>) {
    let largest = block.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    let scale = largest / 127.0;
    let per_step = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    to.extend(f16::from_f32(scale).to_le_bytes());
    to.extend(block.map(|number| ((number * per_step).round() as i8).to_le_bytes()[0]));
}

/// The largest in size becomes -8 steps; byte i holds numbers i and i + 16.
fn write_q4(block: &[f32; BLOCK], to: &mut Vec<u8>) {
    let largest = block
        .iter()
        .fold(0.0_f32, |largest, number| if number.abs() > largest.abs() { *number } else { largest });
    let scale = largest / -8.0;
    let per_step = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    to.extend(f16::from_f32(scale).to_le_bytes());
    let step = |number: f32| ((number * per_step + 8.5) as u8).min(15);
    to.extend((0..BLOCK / 2).map(|at| step(block[at]) | step(block[at + BLOCK / 2]) << 4));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_block(format: NumberFormat, bytes: &[u8]) -> Vec<f32> {
        let scale = f16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
        match format {
            NumberFormat::Q8 => bytes[2..].iter().map(|byte| f32::from(byte.cast_signed()) * scale).collect(),
            _ => {
                let half = |shift: u8| bytes[2..].iter().map(move |byte| f32::from(byte >> shift & 15) - 8.0);
                half(0).chain(half(4)).map(|steps| steps * scale).collect()
            }
        }
    }

    proptest! {
        #[test]
        fn a_number_in_a_block_is_off_by_a_step_at_most(block in proptest::collection::vec(-100.0_f32..100.0, BLOCK)) {
            let largest = block.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
            for (format, steps, off) in [(NumberFormat::Q8, 127.0, 0.51), (NumberFormat::Q4, 8.0, 1.01)] {
                let mut bytes = vec![];
                format.write(&block, &mut bytes);
                prop_assert_eq!(Some(bytes.len()), format.bytes(BLOCK));
                for (number, read) in block.iter().zip(read_block(format, &bytes)) {
                    // The scale itself has 11 bits.
                    prop_assert!((number - read).abs() <= largest / steps * off + largest * 0.001, "{number} {read}");
                }
            }
        }
    }

    #[test]
    fn blocks_are_laid_out_as_ggml_reads_them() {
        let block: Vec<f32> = (0..32).map(|number| number as f32 - 16.0).collect();
        let mut bytes = vec![];
        NumberFormat::Q4.write(&block, &mut bytes);
        // The scale is 2, so -16 is 0 and 15 is 15; byte 0 holds numbers 0 and 16.
        assert_eq!((&bytes[..2], bytes[2], bytes[17]), (&f16::from_f32(2.0).to_le_bytes()[..], 0x80, 0xf8));
        bytes.clear();
        NumberFormat::Q8.write(&[0.0; 32], &mut bytes);
        assert_eq!(bytes, [0; 34]);
        assert_eq!(NumberFormat::Q8.bytes(33), None);
    }
}
