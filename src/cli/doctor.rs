//! `doctor`: which sites, and how its findings are printed.

use std::process::ExitCode;

use serde::Serialize;

use super::answer::{give, print_fitted, print_lines};
use super::arguments::{DoctorArguments, SiteArgument};
use super::sites::named;
use crate::agent::{Deadline, Fault, FaultKind, Target};
use crate::manager::{Manager, Verb};
use crate::operator::{DoctorOptions, Finding, Severity, examine, facts, unknown_here};
use crate::site::{Places, SiteName, defined_sites, no_directory};

/// The exit code when nothing worse than a warning was found. Not 2 to 4, which have a meaning for LSB.
const ONLY_WARNINGS: u8 = 5;

/// The findings of one site, or of a comparison.
#[derive(Serialize)]
struct Examined {
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
            .map(|findings| print(&[Examined { site: None, findings }], arguments.json, quiet))
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
            vec![name.parse().map_err(|why: String| Fault::new(FaultKind::Misconfigured, why))?]
        }
        None => defined_sites(places),
    };
    if names.is_empty() {
        return Err(Fault::new(
            FaultKind::Misconfigured,
            no_directory(places)
                .unwrap_or_else(|| format!("no site is defined in {}", places.config.display())),
        ));
    }
    let options = DoctorOptions { here: arguments.here };
    let mut all = Vec::new();
    for name in names {
        let target = target(name, places)?;
        let findings = examine(&target, options, deadline);
        all.push(Examined { site: Some(target.name.to_string()), findings });
    }
    Ok(print(&all, arguments.json, quiet))
}

fn print(all: &[Examined], json: bool, quiet: bool) -> ExitCode {
    if json {
        let line = |of: &Examined| serde_json::to_string(of).ok();
        print_lines(&all.iter().filter_map(line).collect::<Vec<_>>());
    } else {
        print_fitted(&lines(all, quiet));
    }
    let found = all.iter().flat_map(|of| &of.findings).map(|f| f.severity).max();
    match found {
        Some(Severity::Error) => ExitCode::from(1),
        Some(Severity::Warning) => ExitCode::from(ONLY_WARNINGS),
        Some(Severity::Ok) | None => ExitCode::SUCCESS,
    }
}

fn lines(all: &[Examined], quiet: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for of in all {
        lines.extend(of.site.as_ref().filter(|_| !quiet).map(|name| format!("site {name}")));
        for finding in of.findings.iter().filter(|f| !quiet || f.severity > Severity::Ok) {
            let word = match finding.severity {
                Severity::Ok => "ok",
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            lines.push(format!("  {word:8}{}: {}", finding.check, finding.sentence));
            lines.extend(finding.mend.as_ref().map(|mend| format!("          mend: {mend}")));
        }
    }
    lines
}
