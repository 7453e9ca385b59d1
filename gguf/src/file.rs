//! GGUF itself: a header of settings and tensors, then the tensors' bytes.
//!
//! Source: the specification of GGUF, version 3, in ggml's documentation.

use std::io::{self, Write};

use crate::numbers::NumberFormat;

/// What each tensor begins at a multiple of, in bytes.
const ALIGNED: u64 = 32;

/// A setting of the header.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// A whole number.
    Whole(u32),
    /// Another number.
    Real(f32),
    /// Yes or no.
    Switch(bool),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// Whole numbers with a sign.
    Numbers(Vec<i32>),
}

impl Setting {
    fn kind(&self) -> u32 {
        match self {
            Self::Whole(_) => 4,
            Self::Real(_) => 6,
            Self::Switch(_) => 7,
            Self::Text(_) => 8,
            Self::Texts(_) | Self::Numbers(_) => 9,
        }
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(self.kind().to_le_bytes());
        match self {
            Self::Whole(number) => to.extend(number.to_le_bytes()),
            Self::Real(number) => to.extend(number.to_le_bytes()),
            Self::Switch(on) => to.push(u8::from(*on)),
            Self::Text(text) => write_text(text, to),
            Self::Texts(texts) => {
                to.extend(8_u32.to_le_bytes());
                to.extend((texts.len() as u64).to_le_bytes());
                texts.iter().for_each(|text| write_text(text, to));
            }
            Self::Numbers(numbers) => {
                to.extend(5_u32.to_le_bytes());
                to.extend((numbers.len() as u64).to_le_bytes());
                to.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            }
        }
    }
}

/// A tensor to come: its name, rows and the numbers of a row (rows of a vector: none), and how they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Rows; absent for a vector.
    pub rows: Option<usize>,
    /// Numbers of a row.
    pub columns: usize,
    /// How its numbers are written.
    pub format: NumberFormat,
}

impl Tensor {
    /// A matrix.
    pub fn matrix(name: impl Into<String>, rows: usize, columns: usize, format: NumberFormat) -> Self {
        Self { name: name.into(), rows: Some(rows), columns, format }
    }

    /// A vector. Vectors are written whole in every file.
    pub fn vector(name: impl Into<String>, length: usize) -> Self {
        Self { name: name.into(), rows: None, columns: length, format: NumberFormat::F32 }
    }

    /// How many numbers it has.
    pub fn numbers(&self) -> usize {
        self.rows.unwrap_or(1) * self.columns
    }

    /// How many bytes it takes. Each row fills whole blocks.
    ///
    /// # Errors
    /// Rows that do not.
    pub fn bytes(&self) -> io::Result<u64> {
        let row = self.format.bytes(self.columns).ok_or_else(|| {
            let why = format!("{}: rows of {} numbers fill no blocks of 32", self.name, self.columns);
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })?;
        Ok(row as u64 * self.rows.unwrap_or(1) as u64)
    }
}

/// Writes a file: the settings, the tensors, and for each of them, in this order, the bytes that `bytes_of` has.
///
/// # Errors
/// What cannot be written, and a tensor whose bytes are not as many as it says.
pub fn write(
    to: &mut impl Write,
    settings: &[(&str, Setting)],
    tensors: &[Tensor],
    mut bytes_of: impl FnMut(&Tensor) -> io::Result<Vec<u8>>,
) -> io::Result<()> {
    let mut head = b"GGUF".to_vec();
    head.extend(3_u32.to_le_bytes());
    head.extend((tensors.len() as u64).to_le_bytes());
    head.extend((settings.len() as u64).to_le_bytes());
    for (name, setting) in settings {
        write_text(name, &mut head);
        setting.write(&mut head);
    }
    let mut offset = 0;
    for tensor in tensors {
        write_text(&tensor.name, &mut head);
        // The innermost first.
        let sizes: Vec<u64> =
            [Some(tensor.columns), tensor.rows].into_iter().flatten().map(|size| size as u64).collect();
        head.extend((sizes.len() as u32).to_le_bytes());
        head.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        head.extend(tensor.format.tensor_type().to_le_bytes());
        head.extend(u64::to_le_bytes(offset));
        offset = (offset + tensor.bytes()?).next_multiple_of(ALIGNED);
    }
    head.resize(head.len().next_multiple_of(ALIGNED as usize), 0);
    to.write_all(&head)?;
    for tensor in tensors {
        let mut bytes = bytes_of(tensor)?;
        if bytes.len() as u64 != tensor.bytes()? {
            return Err(io::Error::other(format!("{} has {} bytes", tensor.name, bytes.len())));
        }
        bytes.resize(bytes.len().next_multiple_of(ALIGNED as usize), 0);
        to.write_all(&bytes)?;
    }
    Ok(())
}

fn write_text(text: &str, to: &mut Vec<u8>) {
    to.extend((text.len() as u64).to_le_bytes());
    to.extend(text.as_bytes());
}
