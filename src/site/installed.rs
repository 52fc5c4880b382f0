//! The files in the directory of definitions.

use std::fs;
use std::path::{Path, PathBuf};

use super::definition::SiteName;
use super::nearest::nearest;
use super::places::Places;

/// The names of all sites that have a file here, sorted. Files whose stem is no name are left out.
pub fn defined_sites(places: &Places) -> Vec<SiteName> {
    let Ok(entries) = fs::read_dir(&places.config) else { return Vec::new() };
    let mut names: Vec<SiteName> = entries
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.strip_suffix(".yaml")?.parse().ok())
        .collect();
    names.sort();
    names
}

/// A sentence, where the directory of definitions is a file.
pub fn no_directory(places: &Places) -> Option<String> {
    let config = &places.config;
    let why =
        || format!("{} is a file; give the directory that holds the definitions", config.display());
    config.is_file().then(why)
}

/// The files that look like definitions and are called so that no site is found in them, sorted.
pub fn misnamed_files(places: &Places) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(&places.config) else { return Vec::new() };
    let looks_like = |path: &Path| {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        let is_name = path.file_stem().and_then(|s| s.to_str()?.parse::<SiteName>().ok()).is_some();
        ["yaml", "yml"].contains(&ending.to_ascii_lowercase().as_str())
            && !(is_name && ending == "yaml")
    };
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|path| looks_like(path)).collect();
    files.sort();
    files
}

/// The file that was meant to be the definition of this site, and is called otherwise.
pub fn misnamed_site(places: &Places, name: &SiteName) -> Option<PathBuf> {
    let is_meant = |path: &PathBuf| {
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        stem.eq_ignore_ascii_case(name.as_str())
    };
    misnamed_files(places).into_iter().find(is_meant)
}

/// The site that is defined here and whose name is nearest to this one, if it may be meant.
pub fn nearest_site(places: &Places, name: &SiteName) -> Option<String> {
    let names = defined_sites(places);
    let names: Vec<&str> = names.iter().map(SiteName::as_str).collect();
    nearest(name.as_str(), &names).map(str::to_owned)
}
