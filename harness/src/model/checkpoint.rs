//! The files of a checkpoint: checked before a worker starts, loaded after it has ended.
//!
//! A damaged file would make every worker crash, and the blame would fall on the candidate. So names, shapes
//! and lengths are read from the headers first, which costs next to nothing; the weights themselves are read
//! only when no clock is running.

use super::bad_model;
use super::config::Config;
use crate::outcome::Failure;
use half::{bf16, f16};
use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors, tensor::Metadata};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest header of a weights file that is read, in bytes: the format's own limit.
const MAX_HEADER: u64 = 100_000_000;

/// A checkpoint whose headers are in order.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Its shape.
    pub config: Config,
    /// Length of the weights files, in bytes.
    pub weight_bytes: u64,
    dir: PathBuf,
    files: Vec<PathBuf>,
}

/// The weights of a checkpoint as f32, and what they were read from.
pub struct Weights {
    dir: PathBuf,
    tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
    /// SHA-256 of the weights files in the order of their names, in hexadecimal.
    pub sha256: String,
}

impl Checkpoint {
    /// Reads the configuration and the headers of the weights files in `dir`.
    ///
    /// # Errors
    /// `bad_model` where a file is missing or damaged, or holds other tensors than the configuration asks for.
    pub fn open(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join("config.json");
        let text = fs::read_to_string(&path).map_err(|e| bad_model(&path, e))?;
        let config = Config::parse(&text).map_err(|e| bad_model(&path, e))?;
        let files = weight_files(dir)?;
        let (mut weight_bytes, mut found) = (0, BTreeMap::new());
        for file in &files {
            let (length, metadata) = read_header(file)?;
            weight_bytes += length;
            found.extend(
                metadata.tensors().into_iter().map(|(name, info)| (name, (info.dtype, info.shape.clone()))),
            );
        }
        for (name, shape) in config.tensors() {
            match found.get(&name) {
                None => return Err(bad_model(dir, format!("there is no tensor `{name}`"))),
                Some((Dtype::F32 | Dtype::F16 | Dtype::BF16, seen)) if *seen == shape => {}
                Some((dtype, seen)) => {
                    let reason =
                        format!("`{name}` is {dtype:?} {seen:?}; F32, F16 or BF16 {shape:?} is needed");
                    return Err(bad_model(dir, reason));
                }
            }
        }
        Ok(Self { config, weight_bytes, dir: dir.to_owned(), files })
    }

    /// Directory of the checkpoint.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads the weights, as f32.
    ///
    /// # Errors
    /// `bad_model` where a file cannot be read.
    pub fn load(&self) -> Result<Weights, Failure> {
        let wanted: Vec<String> = self.config.tensors().into_iter().map(|(name, _)| name).collect();
        let (mut tensors, mut hash) = (HashMap::new(), Sha256::new());
        for path in &self.files {
            let bytes = fs::read(path).map_err(|e| bad_model(path, e))?;
            hash.update(&bytes);
            let file = SafeTensors::deserialize(&bytes).map_err(|e| bad_model(path, e))?;
            for name in &wanted {
                let Ok(tensor) = file.tensor(name) else { continue };
                let values = as_f32(tensor.dtype(), tensor.data())
                    .ok_or_else(|| bad_model(path, format!("`{name}` is {:?}", tensor.dtype())))?;
                tensors.insert(name.clone(), (tensor.shape().to_vec(), values));
            }
        }
        Ok(Weights { dir: self.dir.clone(), tensors, sha256: hex(&hash.finalize()) })
    }
}

impl Weights {
    /// Takes the matrix of that name out.
    ///
    /// # Errors
    /// `bad_model` where there is none.
    pub fn matrix(&mut self, name: &str) -> Result<Array2<f32>, Failure> {
        match self.tensors.remove(name) {
            Some((shape, values)) if shape.len() == 2 => {
                Array2::from_shape_vec((shape[0], shape[1]), values).map_err(|e| bad_model(&self.dir, e))
            }
            _ => Err(bad_model(&self.dir, format!("there is no matrix `{name}`"))),
        }
    }

    /// Takes the vector of that name out.
    ///
    /// # Errors
    /// `bad_model` where there is none.
    pub fn vector(&mut self, name: &str) -> Result<Array1<f32>, Failure> {
        match self.tensors.remove(name) {
            Some((shape, values)) if shape.len() == 1 => Ok(Array1::from_vec(values)),
            _ => Err(bad_model(&self.dir, format!("there is no vector `{name}`"))),
        }
    }

    /// Every tensor that is left, by name: its dimensions and its values in the order of the rows.
    pub fn into_tensors(self) -> HashMap<String, (Vec<usize>, Vec<f32>)> {
        self.tensors
    }
}

/// Little-endian values as f32; absent where they are of another kind than F32, F16 and BF16.
fn as_f32(kind: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let two = |as_f32: fn([u8; 2]) -> f32| bytes.as_chunks().0.iter().map(|two| as_f32(*two)).collect();
    match kind {
        Dtype::F32 => Some(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()),
        Dtype::F16 => Some(two(|two| f16::from_le_bytes(two).to_f32())),
        Dtype::BF16 => Some(two(|two| bf16::from_le_bytes(two).to_f32())),
        _ => None,
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `model.safetensors`, or the files that its index names.
fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let single = dir.join("model.safetensors");
    if single.exists() {
        return Ok(vec![single]);
    }
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let path = dir.join("model.safetensors.index.json");
    let text =
        fs::read_to_string(&path).map_err(|_| bad_model(&single, "no such file, and no index of shards"))?;
    let index: Index = serde_json::from_str(&text).map_err(|e| bad_model(&path, e))?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    if let Some(name) = names.iter().find(|name| Path::new(name).file_name() != Some(name.as_ref())) {
        return Err(bad_model(&path, format!("`{name}` is no file beside the index")));
    }
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

/// Length and header of a weights file, without its tensors.
fn read_header(path: &Path) -> Result<(u64, Metadata), Failure> {
    let file = File::open(path).map_err(|e| bad_model(path, e))?;
    let length = file.metadata().map_err(|e| bad_model(path, e))?.len();
    let mut size = [0; 8];
    (&file).read_exact(&mut size).map_err(|_| bad_model(path, "too short for a safetensors file"))?;
    let header = u64::from_le_bytes(size);
    if header > MAX_HEADER.min(length) {
        return Err(bad_model(path, "not a safetensors file: its header does not fit into it"));
    }
    let mut bytes = Vec::new();
    (&file).take(header).read_to_end(&mut bytes).map_err(|e| bad_model(path, e))?;
    let metadata: Metadata = serde_json::from_slice(&bytes).map_err(|e| bad_model(path, e))?;
    let needed = 8 + header + metadata.data_len() as u64;
    if needed != length {
        return Err(bad_model(path, format!("{length} bytes long, and its header speaks of {needed}")));
    }
    Ok((length, metadata))
}
