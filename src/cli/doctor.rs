//! `doctor`: which sites, and how its findings are printed.

use std::io::IsTerminal;
use std::process::ExitCode;

use serde::Serialize;

use super::answer::{give, print_lines};
use super::arguments::{DoctorArguments, SiteArgument};
use super::sites::named;
use crate::agent::{Deadline, Fault, Target};
use crate::manager::{Manager, Verb};
use crate::messages;
use crate::operator::{DoctorOptions, Finding, Severity, examine, facts, layout, unknown_here};
use crate::site::{Places, SiteName, defined_sites, no_directory};

/// The exit code when nothing worse than a warning was found. Those up to 7 say why a verb was not done.
const ONLY_WARNINGS: u8 = 10;

/// The findings of one site, or of a comparison.
#[derive(Serialize)]
struct SiteFindings {
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    findings: Vec<Finding>,
}

pub(super) fn doctor(
    arguments: &DoctorArguments,
    places: &Places,
    deadline: &Deadline,
    quiet: bool,
) -> ExitCode {
    let done = if arguments.export {
        export(arguments, places, deadline)
    } else if arguments.compare.is_empty() {
        examine_all(arguments, places, deadline, quiet)
    } else {
        facts::compare(&arguments.compare, places, deadline)
            .map(|findings| print(&[SiteFindings { site: None, findings }], arguments.json, quiet))
    };
    done.unwrap_or_else(|fault| give(Manager::Hand, Verb::Other, false, &fault.into(), quiet))
}

fn target(name: SiteName, places: &Places) -> Result<Target, Fault> {
    let target = Target::new(name, places.clone(), None);
    match unknown_here(&target) {
        Some(fault) => Err(fault),
        None => Ok(target),
    }
}

fn export(
    arguments: &DoctorArguments,
    places: &Places,
    deadline: &Deadline,
) -> Result<ExitCode, Fault> {
    let name = named(&SiteArgument { name: arguments.name.clone() }, places)?;
    let text = facts::export(&target(name, places)?, deadline)?;
    Ok(print_lines(&[text.trim_end().to_owned()]))
}

fn examine_all(
    arguments: &DoctorArguments,
    places: &Places,
    deadline: &Deadline,
    quiet: bool,
) -> Result<ExitCode, Fault> {
    let names = match &arguments.name {
        Some(name) => {
            vec![name.parse().map_err(|why: String| messages::name_wrong(why))?]
        }
        None => defined_sites(places),
    };
    if names.is_empty() {
        return Err(no_directory(places)
            .map_or_else(
                || messages::no_site_defined(places.config.display()),
                messages::directory_is_file,
            )
            .into());
    }
    let options = DoctorOptions { here: arguments.here };
    let mut all = Vec::new();
    for name in names {
        let target = target(name, places)?;
        let findings = examine(&target, options, deadline);
        all.push(SiteFindings { site: Some(target.name.to_string()), findings });
    }
    Ok(print(&all, arguments.json, quiet))
}

fn print(all: &[SiteFindings], json: bool, quiet: bool) -> ExitCode {
    if json {
        let line = |of: &SiteFindings| serde_json::to_string(of).ok();
        print_lines(&all.iter().filter_map(line).collect::<Vec<_>>());
    } else {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = !no_color && std::io::stdout().is_terminal();
        let width = layout::columns();
        let lines = all.iter().flat_map(|of| lines(of, quiet, width, colour));
        print_lines(&lines.collect::<Vec<_>>());
    }
    let found = all.iter().flat_map(|of| &of.findings).map(|f| f.severity).max();
    match found {
        Some(Severity::Error) => ExitCode::from(1),
        Some(Severity::Warning) => ExitCode::from(ONLY_WARNINGS),
        Some(Severity::Ok) | None => ExitCode::SUCCESS,
    }
}

/// The word of a severity, and its colour.
fn word(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Error => ("error", "31"),
        Severity::Warning => ("warning", "33"),
        Severity::Ok => ("ok", "32"),
    }
}

/// The worst first; what is to be mended is separated from what is well.
fn lines(of: &SiteFindings, quiet: bool, width: Option<usize>, colour: bool) -> Vec<String> {
    let count = |severity| of.findings.iter().filter(|f| f.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if quiet && errors + warnings == 0 {
        return Vec::new();
    }
    let mut lines = vec![title(of, errors, warnings)];
    for severity in [Severity::Error, Severity::Warning, Severity::Ok] {
        let findings: Vec<&Finding> =
            of.findings.iter().filter(|f| f.severity == severity).collect();
        if severity == Severity::Ok && quiet {
            continue;
        }
        for finding in findings {
            lines.extend(finding_lines(finding, width, colour));
        }
    }
    lines
}

fn title(of: &SiteFindings, errors: usize, warnings: usize) -> String {
    let number = |n: usize, what: &str| match n {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    let found = format!("{}, {}", number(errors, "error"), number(warnings, "warning"));
    let checks = of.findings.len() - errors - warnings;
    match &of.site {
        Some(site) => format!("{site}: {found}, {} ok", number(checks, "check")),
        None => found,
    }
}

fn finding_lines(finding: &Finding, width: Option<usize>, colour: bool) -> Vec<String> {
    let (word, code) = word(finding.severity);
    let head = format!("  {word:8}{}: {}", finding.check, finding.sentence);
    let mut lines = layout::fit_all(&[head], width);
    if colour && let Some(first) = lines.first_mut() {
        *first = first.replacen(word, &format!("\x1b[{code}m{word}\x1b[0m"), 1);
    }
    let mend = finding.mend.iter().map(|mend| format!("    mend: {mend}"));
    lines.extend(layout::fit_all(&mend.collect::<Vec<_>>(), width));
    lines
}
