//! The tensors of a checkpoint, by name, from one safetensors file or from several with an index.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// The files of a checkpoint, whole, as they lie on the disk.
pub struct Files(Vec<(PathBuf, Vec<u8>)>);

/// The tensors in those files.
pub struct Checkpoint<'a>(Vec<SafeTensors<'a>>);

impl Files {
    /// Reads `model.safetensors` in `model_dir` or, where `model.safetensors.index.json` is, the files it names.
    ///
    /// # Errors
    /// A file that is missing or unreadable, or an index that names no files.
    pub fn read(model_dir: &Path) -> Result<Self, Box<dyn Error>> {
        let index = model_dir.join("model.safetensors.index.json");
        let mut names = BTreeSet::new();
        if index.exists() {
            let text = String::from_utf8_lossy(&read(&index)?).into_owned();
            let json: Value = text.parse().map_err(|e| format!("{}: {e}", index.display()))?;
            let map =
                json["weight_map"].as_object().ok_or("the index of the checkpoint has no weight_map")?;
            for file in map.values() {
                names.insert(file.as_str().ok_or("a file in the weight_map is not a string")?.to_owned());
            }
        } else {
            names.insert("model.safetensors".to_owned());
        }
        let mut files = Vec::new();
        for name in names {
            let path = model_dir.join(name);
            let bytes = read(&path)?;
            files.push((path, bytes));
        }
        Ok(Self(files))
    }

    /// Finds the tensors in the files.
    ///
    /// # Errors
    /// A file that is not in the safetensors format, or cut short.
    pub fn parse(&self) -> Result<Checkpoint<'_>, Box<dyn Error>> {
        let mut parsed = Vec::new();
        for (path, bytes) in &self.0 {
            let tensors = SafeTensors::deserialize(bytes)
                .map_err(|e| format!("{}: not a safetensors file: {e}", path.display()))?;
            parsed.push(tensors);
        }
        Ok(Checkpoint(parsed))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?)
}

impl Checkpoint<'_> {
    /// The values of the tensor `name`, which must have this shape, as f32.
    ///
    /// # Errors
    /// A tensor that is absent, of another shape, or of another type than F32, F16 and BF16.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Box<dyn Error>> {
        let found = self.0.iter().find_map(|file| file.tensor(name).ok());
        let tensor = found.ok_or_else(|| format!("the checkpoint has no tensor `{name}`"))?;
        if tensor.shape() != shape {
            return Err(format!("tensor `{name}` has shape {:?}, not {shape:?}", tensor.shape()).into());
        }
        let pairs = tensor.data().chunks_exact(2).map(|b| [b[0], b[1]]);
        Ok(match tensor.dtype() {
            Dtype::F32 => {
                tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            Dtype::F16 => pairs.map(|b| f16::from_le_bytes(b).to_f32()).collect(),
            Dtype::BF16 => pairs.map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
            other => return Err(format!("tensor `{name}` is {other:?}, not F32, F16 or BF16").into()),
        })
    }
}
