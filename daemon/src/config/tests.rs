//! The configuration as operators write it, right and wrong.

use super::*;
use std::path::PathBuf;

/// A directory with a main file and drop-ins, gone with the test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, main: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("dhcp4o6-config-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(directory.join("conf.d")).unwrap();
        std::fs::write(directory.join("main.toml"), main).unwrap();
        Self(directory)
    }

    fn drop_in(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.0.join("conf.d").join(name), content).unwrap();
        self
    }

    fn load(&self, environment: &[(&str, &str)]) -> Result<Config, Mistakes> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        load_with(&self.0.join("main.toml"), environment)
    }

    /// The mistakes, without the name of the directory.
    fn mistakes(&self, environment: &[(&str, &str)]) -> Vec<String> {
        let mistakes = self.load(environment).expect_err("there should be mistakes");
        let directory = format!("{}/", self.0.display());
        mistakes.to_string().lines().map(|line| line.replace(&directory, "")).collect()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_smallest_useful_file() {
    let config = Files::new("smallest", "[[link]]\nmatch = \"wan0\"\n").load(&[]).unwrap();
    assert_eq!(config.links.len(), 1);
    let link = &config.links[0];
    assert_eq!(link.matches, Match::Name("wan0".to_owned()));
    assert_eq!(link.settings, LinkSettings::default());
    assert_eq!(
        (link.metric, link.table, &link.target, &link.namespace),
        (700, 254, &TargetConfig::Link, &None)
    );
    assert!(link.where_from.ends_with("main.toml:1:1"), "{}", link.where_from);
}
