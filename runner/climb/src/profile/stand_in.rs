//! Programs that stand before those which profile themselves, where these take no such option from their environment.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Profiling;
use crate::build::Built;
use piton_core::base::error::{Context, Result};
use piton_system::config::Config;

impl Profiling<'_> {
    /// Has a program stand before node that starts it with its own profiler: it takes no such option from its environment.
    pub(super) fn stand_in_for_node(&self, config: &mut Config, node: &str, wrote: &Path) -> Result<()> {
        let text =
            format!("#!/bin/sh\nexec '{node}' --cpu-prof --cpu-prof-dir='{}' \"$@\"\n", wrote.display());
        self.stand_in(config, "node", &text, wrote).map(|_| ())
    }

    /// Has programs stand before go and before a test that it built, which have it write a profile.
    pub(super) fn stand_in_for_go(
        &self,
        config: &mut Config,
        go: &str,
        wrote: &Path,
        side: &Built,
    ) -> Result<()> {
        let at = wrote.display();
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = test ] || exec '{go}' \"$@\"\nshift\nexec '{go}' test -cpuprofile='{at}/data' -o '{at}/test' \"$@\"\n"
        );
        self.stand_in(config, "go", &text, wrote)?;
        // Half of the samples of a tight loop would else fall into the call by which the runtime interrupts it.
        let debug = config.measure.env.entry("GODEBUG".to_owned()).or_default();
        let others = if debug.is_empty() { String::new() } else { format!("{debug},") };
        *debug = format!("{others}asyncpreemptoff=1");
        let Some(artifact) = &side.artifact else { return Ok(()) };
        let text = format!("#!/bin/sh\nexec '{}' -test.cpuprofile='{at}/data' \"$@\"\n", artifact.display());
        let program = self.stand_in(config, "artifact", &text, wrote)?;
        for word in &mut config.measure.command {
            *word = word.replace("{artifact}", &program);
        }
        config.measure.read.push(artifact.to_string_lossy().into_owned());
        Ok(())
    }

    /// Has a program of this name stand first in the PATH of what measures, which may write to `wrote`. Returns its path.
    fn stand_in(&self, config: &mut Config, name: &str, script: &str, wrote: &Path) -> Result<String> {
        let what = format!("nothing was profiled: nobody stands before {name}");
        let programs = self.dir.join("programs");
        fs::create_dir_all(&programs).context(&what)?;
        let program = programs.join(name);
        fs::write(&program, script).context(&what)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).context(&what)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (programs, program, wrote) = (text(&programs), text(&program), text(wrote));
        if let Some(first) = config.measure.command.first_mut().filter(|first| *first == name) {
            first.clone_from(&program);
        }
        let measure = &mut config.measure;
        if !measure.read.contains(&programs) {
            let path = std::env::var("PATH").unwrap_or_default();
            measure.env.insert("PATH".to_owned(), format!("{programs}:{path}"));
            measure.read.push(programs);
            measure.write.push(wrote);
        }
        Ok(program)
    }
}
