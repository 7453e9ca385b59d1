//! The files that the loader maps before a program begins: its interpreter and the libraries that it is linked to, and theirs.
//!
//! Found by reading the files, not by running them: who asks is about to run them behind walls. Where the loader could take one of
//! several, all of them count: a file too many is one that nobody needed, a file too few a program that does not start.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use elf::ElfStream;
use elf::abi::{DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_STRTAB, PT_INTERP, PT_LOAD};
use elf::endian::AnyEndian;

/// What the loader itself reads.
const SETTINGS: [&str; 1] = ["/etc/ld.so.cache"];
/// Loaded by name, in the middle of a run, to unwind a stack: by C++ and by `pthread_cancel`.
const UNWINDER: &str = "libgcc_s.so.1";
/// Scripts whose interpreter is a script, and so on: as deep as the kernel goes.
const DEPTH: usize = 5;
/// Longest name or list of directories in an object, in bytes.
const LONGEST_NAME: usize = 64 << 10;
/// Longest first line of a script that the kernel reads.
const FIRST_LINE: usize = 256;

/// The interpreter and the libraries of a program, links resolved, and what the loader reads to find them. The program itself is not among
/// them; of a script, the interpreter that its first line names is.
pub fn linked(program: &Path) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    let mut program = program.to_owned();
    for _ in 0..DEPTH {
        let Some(interpreter) = interpreter_of_script(&program) else { break };
        found.extend(interpreter.canonicalize().ok());
        program = interpreter;
    }
    let cache = fs::read("/etc/ld.so.cache").unwrap_or_default();
    let cached = entries(&cache);
    let mut waiting: Vec<(PathBuf, Vec<PathBuf>)> = vec![(program.clone(), vec![])];
    let mut kind = None;
    let mut seen = BTreeSet::new();
    while let Some((path, inherited)) = waiting.pop() {
        let Ok(real) = path.canonicalize() else { continue };
        if !seen.insert(real.clone()) {
            continue;
        }
        let Some(mut object) = fs::File::open(&real).ok().and_then(|file| Object::parse(&file)) else {
            continue;
        };
        // A library for another processor is passed over, as the loader does.
        if *kind.get_or_insert(object.kind) != object.kind {
            continue;
        }
        if seen.len() > 1 {
            found.insert(real.clone());
        }
        if let Some(interpreter) = object.interpreter.take() {
            object.needed.push(UNWINDER.to_owned());
            waiting.push((interpreter, vec![]));
        }
        let origins = [path.parent(), real.parent()].map(|dir| dir.unwrap_or(Path::new("/")).to_owned());
        let expanded =
            |list: &[String]| list.iter().flat_map(|text| expand(text, &origins)).collect::<Vec<_>>();
        let passed_on = [inherited, expanded(&object.rpath)].concat();
        let dirs = [passed_on.clone(), expanded(&object.runpath), usual()].concat();
        for name in &object.needed {
            let places: Vec<PathBuf> = if name.contains('/') {
                expand(name, &origins)
            } else {
                let listed = cached.iter().filter(|(known, _)| known == name).map(|(_, path)| path.into());
                listed.chain(dirs.iter().flat_map(|dir| variants(dir, name))).collect()
            };
            waiting.extend(places.into_iter().map(|place| (place, passed_on.clone())));
        }
    }
    let settings =
        SETTINGS.map(PathBuf::from).into_iter().chain(musl_settings()).filter(|path| path.exists());
    found.into_iter().chain(settings).collect()
}

/// What an object says of others.
#[derive(Debug, Default)]
struct Object {
    /// Width and processor.
    kind: (bool, u16),
    interpreter: Option<PathBuf>,
    needed: Vec<String>,
    rpath: Vec<String>,
    runpath: Vec<String>,
}

impl Object {
    /// Reads what it needs and no more: some libraries are larger than what whoever reads them may have in memory.
    fn parse(opened: &fs::File) -> Option<Self> {
        let mut file = ElfStream::<AnyEndian, _>::open_stream(opened).ok()?;
        let segments = file.segments().clone();
        let mut object = Self {
            kind: (file.ehdr.class == elf::file::Class::ELF64, file.ehdr.e_machine),
            ..Self::default()
        };
        if let Some(header) = segments.iter().find(|header| header.p_type == PT_INTERP) {
            let text = file.segment_data(header).ok()?;
            object.interpreter = Some(path(text.split(|byte| *byte == 0).next()?));
        }
        let Ok(Some(dynamic)) = file.dynamic() else { return Some(object) };
        let tags: Vec<(i64, u64)> = dynamic
            .iter()
            .map(|tag| (tag.d_tag, tag.d_val()))
            .take_while(|(tag, _)| *tag != DT_NULL)
            .collect();
        let address = tags.iter().find(|(tag, _)| *tag == DT_STRTAB)?.1;
        let holds = |header: &&elf::segment::ProgramHeader| {
            header.p_type == PT_LOAD
                && (header.p_vaddr..header.p_vaddr.saturating_add(header.p_filesz)).contains(&address)
        };
        let load = segments.iter().find(holds)?;
        let strings = load.p_offset.checked_add(address - load.p_vaddr)?;
        let text = |at: u64| {
            let mut bytes = vec![0; LONGEST_NAME];
            let read = opened.read_at(&mut bytes, strings.checked_add(at)?).ok()?;
            let end = bytes[..read].iter().position(|byte| *byte == 0)?;
            Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
        };
        for (tag, value) in tags {
            let list = match tag {
                DT_NEEDED => &mut object.needed,
                DT_RPATH => &mut object.rpath,
                DT_RUNPATH => &mut object.runpath,
                _ => continue,
            };
            let words = text(value)?;
            match tag {
                DT_NEEDED => list.push(words),
                _ => list.extend(words.split(':').filter(|word| !word.is_empty()).map(str::to_owned)),
            }
        }
        Some(object)
    }
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// The interpreter of a script, from its first line.
fn interpreter_of_script(program: &Path) -> Option<PathBuf> {
    let mut line = vec![];
    fs::File::open(program).ok()?.take(FIRST_LINE as u64).read_to_end(&mut line).ok()?;
    let line = line.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?.trim_ascii();
    line.split(|byte| matches!(byte, b' ' | b'\t')).next().filter(|word| !word.is_empty()).map(path)
}

/// A path with what stands for other words in it: the directory of the object, the name of the library directory, the processor.
fn expand(text: &str, origins: &[PathBuf; 2]) -> Vec<PathBuf> {
    let arch = std::env::consts::ARCH;
    let text = text.replace("${PLATFORM}", arch).replace("$PLATFORM", arch);
    let mut all = vec![];
    for origin in origins {
        let origin = origin.to_string_lossy();
        let text = text.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
        for lib in ["lib", "lib64", &format!("lib/{arch}-linux-gnu")] {
            all.push(PathBuf::from(text.replace("${LIB}", lib).replace("$LIB", lib)));
        }
    }
    all.sort();
    all.dedup();
    all
}

/// Where a library of this name may lie in a directory: also in forms for newer processors.
fn variants(dir: &Path, name: &str) -> Vec<PathBuf> {
    let newer = fs::read_dir(dir.join("glibc-hwcaps")).into_iter().flatten().flatten();
    newer.map(|entry| entry.path().join(name)).chain([dir.join(name)]).collect()
}

/// Where loaders look at last, glibc's and musl's.
fn usual() -> Vec<PathBuf> {
    let arch = std::env::consts::ARCH;
    let dirs = ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    let multi = [format!("/lib/{arch}-linux-gnu"), format!("/usr/lib/{arch}-linux-gnu")].map(PathBuf::from);
    let musl = musl_settings().into_iter().filter_map(|file| fs::read_to_string(file).ok());
    let named = musl.flat_map(|text| text.split([':', '\n']).map(PathBuf::from).collect::<Vec<_>>());
    dirs.into_iter().chain(multi).chain(named).collect()
}

fn musl_settings() -> Vec<PathBuf> {
    vec![format!("/etc/ld-musl-{}.path", std::env::consts::ARCH).into()]
}

/// Names and paths in glibc's cache of libraries. Empty where it is not of the present form.
fn entries(cache: &[u8]) -> Vec<(String, String)> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEAD: usize = 48;
    const ENTRY: usize = 24;
    let Some(start) = cache.windows(MAGIC.len()).position(|window| window == MAGIC) else { return vec![] };
    // Offsets count from here.
    let cache = &cache[start..];
    let word = |at: usize| -> Option<usize> {
        let bytes = cache.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_ne_bytes(bytes)).ok()
    };
    let text = |at: usize| {
        let bytes = cache.get(at..)?.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    };
    let entry = |n: usize| {
        let at = HEAD + n * ENTRY;
        Some((text(word(at + 4)?)?, text(word(at + 8)?)?))
    };
    (0..word(MAGIC.len()).unwrap_or(0)).map_while(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(program: &str) -> Vec<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        linked(Path::new(program)).into_iter().map(name).collect()
    }

    #[test]
    fn a_program_is_linked_to_its_loader_and_its_c_library_and_to_no_directory() {
        let all = linked(Path::new("/bin/sh"));
        assert!(all.iter().all(|path| path.is_file() && path.canonicalize().unwrap() == *path), "{all:?}");
        let names = names("/bin/sh");
        assert!(
            names.iter().any(|name| name.starts_with("libc.") || name.starts_with("ld-musl")),
            "{names:?}"
        );
        assert!(names.len() < 12, "{names:?}");
    }

    #[test]
    fn a_script_is_linked_to_what_its_interpreter_is_linked_to_and_to_the_interpreter() {
        let dir = tempfile::tempdir().unwrap();
        let (outer, inner) = (dir.path().join("outer"), dir.path().join("inner"));
        fs::write(&inner, "#! /bin/sh -e\necho").unwrap();
        fs::write(&outer, format!("#!{}\n", inner.display())).unwrap();
        let shell = Path::new("/bin/sh").canonicalize().unwrap();
        let mut expected: BTreeSet<PathBuf> = linked(&shell).into_iter().collect();
        expected.extend([shell, inner.canonicalize().unwrap()]);
        assert_eq!(linked(&outer).into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn what_is_no_program_is_linked_to_nothing_but_the_loaders_settings() {
        for text in [&b""[..], b"text", b"\x7fELF", b"#!", b"#!\n", b"#!/no/such\n"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), text).unwrap();
            assert!(linked(file.path()).iter().all(|path| path.starts_with("/etc")), "{text:?}");
        }
    }

    #[test]
    fn a_search_path_is_taken_from_where_the_object_lies() {
        let origins = ["/a", "/b"].map(PathBuf::from);
        assert_eq!(expand("$ORIGIN/../x", &origins), [PathBuf::from("/a/../x"), "/b/../x".into()]);
        assert_eq!(expand("${ORIGIN}", &origins), origins);
        assert!(expand("/opt/$LIB", &origins).contains(&"/opt/lib64".into()));
        assert_eq!(expand("/opt/lib", &origins), [PathBuf::from("/opt/lib")]);
    }

    #[test]
    fn a_damaged_cache_lists_what_is_whole_and_nothing_else() {
        let mut cache = b"glibc-ld.so.cache1.1".to_vec();
        cache.extend(2u32.to_ne_bytes());
        cache.resize(48, 0);
        let strings = 48 + 2 * 24u32;
        for words in [[1, strings, strings + 2, 0, 0, 0], [1, strings, 9999, 0, 0, 0]] {
            cache.extend(words.into_iter().flat_map(u32::to_ne_bytes));
        }
        cache.extend(b"a\0/b\0");
        let found = [("a".to_owned(), "/b".to_owned())];
        assert_eq!(entries(&cache), found);
        assert_eq!(entries(&[b"ld.so-1.7.0 and so on", &cache[..]].concat()), found);
        for end in 0..cache.len() {
            let _ = entries(&cache[..end]);
        }
    }
}
