//! What Pacemaker, pcs and crmsh are told of the agent. Needs no root, no configuration, no site.

/// OCF 1.1 (`<version>`), and valid by the DTD of OCF 1.0 that ocf-tester uses: its internal
/// subset declares what 1.1 has added.
pub const METADATA: &str = r#"<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd" [
<!ATTLIST parameter reloadable (1|0) "0" unique-group CDATA #IMPLIED>
<!ATTLIST action name CDATA #REQUIRED>
]>
<resource-agent name="site" version="1.0">
<version>1.1</version>
<longdesc lang="en">
Runs a site, a group of processes that fails over as a unit, under its own supervisor: started in
order, watched together, stopped together. The site is described in a file that is the same on every
node, /etc/siteward/sites/NAME.yaml. It runs on one node at a time and cannot be cloned.
</longdesc>
<shortdesc lang="en">Runs a group of processes as one site</shortdesc>
<parameters>
<parameter name="site" unique="1" required="1" unique-group="site">
<longdesc lang="en">
The name of the site: the stem of its definition's file, /etc/siteward/sites/NAME.yaml.
</longdesc>
<shortdesc lang="en">Name of the site</shortdesc>
<content type="string"/>
</parameter>
<parameter name="config_dir" unique="0" required="0">
<longdesc lang="en">
The folder that holds the definitions of sites on every node.
</longdesc>
<shortdesc lang="en">Folder of definitions</shortdesc>
<content type="string" default="/etc/siteward/sites"/>
</parameter>
</parameters>
<actions>
<action name="start" timeout="240s"/>
<action name="stop" timeout="360s"/>
<action name="monitor" timeout="40s" interval="10s" depth="0"/>
<action name="validate-all" timeout="20s"/>
<action name="meta-data" timeout="5s"/>
</actions>
</resource-agent>
"#;
