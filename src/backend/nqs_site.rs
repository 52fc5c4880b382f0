//! The variable by which JobCenter's commands know their site (source document 003, ENV-01 to ENV-05).

use std::path::Path;

use crate::site::Jobcenter;

/// Unset, or with the host's name, it means the local site (ENV-02).
pub(super) const SITE_VARIABLE: &str = "NQS_SITE";

/// Those that take their site from their arguments (ENV-05, SUP-10).
const EXEMPT: [&str; 5] = ["cjcpw", "cjcls", "cjcmksite", "nqsstart", "nqsstop"];

/// Whether a command of JobCenter's needs the variable.
pub(super) fn needs_site(program: &str) -> bool {
    let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
    !EXEMPT.contains(&&*name)
}

/// What an error means of a command that was given a site (ENV-03). Each command has words of its own; qstat prints
/// `Qstat(FATAL): Unable to setup NQS rootdir`. For the end of a sentence.
pub(super) fn explain_root(said: &str, site: &str, profile: &Jobcenter) -> Option<String> {
    said.contains("Unable to setup NQS rootdir").then(|| {
        format!(
            "{SITE_VARIABLE}={site} is no site that JobCenter knows on this node: compare that name with the first \
             column of {}, and look for the site's link in {}",
            profile.command("cluster/cjcls"),
            profile.spool.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_qstat_is_explained_and_no_other() {
        let profile = Jobcenter {
            commands: "/usr/lib/nqs".into(),
            spool: "/usr/spool/nqs".into(),
            qstat: "/usr/bin/qstat".into(),
            port_keeper: false,
        };
        let said = "Qstat(FATAL): Unable to setup NQS rootdir\n";
        let told = explain_root(said, "testsite", &profile).unwrap();
        assert!(told.contains("NQS_SITE=testsite") && told.contains("/usr/spool/nqs"), "{told}");
        assert_eq!(explain_root("guilb_def@testsite; type=PIPE;", "testsite", &profile), None);
        assert!(needs_site("/usr/bin/qstat") && !needs_site("/usr/lib/nqs/cluster/cjcls"));
    }
}
