use super::*;
use crate::site::parse;

const CIB: &str = r#"warning: something
<cib crm_feature_set="3.16.1">
 <configuration>
  <crm_config>
   <cluster_property_set id="late" score="1"><nvpair id="a" name="stonith-timeout" value="90s"/></cluster_property_set>
   <cluster_property_set id="boot">
    <nvpair id="b" name="stonith-enabled" value="true"/><nvpair id="c" name="stonith-timeout" value="10s"/>
   </cluster_property_set>
  </crm_config>
  <resources>
   <primitive id="power" class="stonith" type="fence_lab">
    <instance_attributes id="p-i"><nvpair id="d" name="pcmk_delay_base" value="node1:2s;node2:5s"/></instance_attributes>
   </primitive>
   <template id="t" class="ocf" provider="siteward" type="site">
    <operations><op id="t-start" name="start" interval="0" timeout="100s"/><op id="t-m" name="monitor" interval="7s"/></operations>
   </template>
   <group id="shop-group">
    <primitive id="shop-disk" class="ocf" provider="heartbeat" type="Filesystem">
     <instance_attributes id="f"><nvpair id="e" name="directory" value="/mnt/shop/"/></instance_attributes>
    </primitive>
    <primitive id="shop" template="t">
     <instance_attributes id="s"><nvpair id="g" name="site" value="shop"/><nvpair id="h" name="monitor_wait" value="8s"/></instance_attributes>
     <operations>
      <op id="m1" name="monitor" interval="20s" timeout="30s"/>
      <op id="m2" name="monitor" interval="PT2S"><meta_attributes id="mm"><nvpair id="i" name="timeout" value="50s"/></meta_attributes></op>
      <op id="st" name="stop" interval="0" on-fail="ignore"/>
     </operations>
     <meta_attributes id="meta"><nvpair id="j" name="migration-threshold" value="3"/></meta_attributes>
    </primitive>
    <primitive id="shop-ip" class="ocf" provider="heartbeat" type="IPaddr2">
     <instance_attributes id="k"><nvpair id="l" name="ip" value="10.0.0.1"/></instance_attributes>
    </primitive>
    <meta_attributes id="gm"><nvpair id="n" name="is-managed" value="false"/></meta_attributes>
   </group>
   <primitive id="other" class="ocf" provider="siteward" type="site">
    <instance_attributes id="o"><nvpair id="q" name="site" value="shop2"/></instance_attributes>
   </primitive>
  </resources>
  <constraints><rsc_location id="cli-prefer-shop-group" rsc="shop-group" node="node1" score="INFINITY"/></constraints>
  <op_defaults>
   <meta_attributes id="op"><nvpair id="r" name="timeout" value="44s"/></meta_attributes>
   <meta_attributes id="ruled" score="9"><rule id="x"/><nvpair id="s2" name="timeout" value="1s"/></meta_attributes>
  </op_defaults>
  <rsc_defaults><meta_attributes id="rd"><nvpair id="u" name="resource-stickiness" value="100"/></meta_attributes></rsc_defaults>
 </configuration>
 <status><node_state id="1"><lrm id="1"><lrm_resources><primitive id="shop"/></lrm_resources></lrm></node_state></status>
</cib>
"#;

fn shop(cib: &str) -> ManagerSettings {
    let name: SiteName = "shop".parse().unwrap();
    let text =
        "version: 1\ndatabase: /mnt/shop\naddress: 10.0.0.1\nprocesses: {a: {command: [x]}}\n";
    let definition = parse(&name, Path::new("x"), text).unwrap();
    let wanted = WantedSite { name: &name, definition: Some(&definition), resource: None };
    let mut found = settings(&wanted, cib, "a file").unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn details(settings: &ManagerSettings) -> &PacemakerDetails {
    let ManagerDetails::Pacemaker(details) = &settings.details else { panic!("Pacemaker's") };
    details
}

#[test]
fn values_are_looked_up_as_pacemaker_does() {
    let shop = shop(CIB);
    let time = |s: &Option<Setting<Duration>>| {
        let setting = s.as_ref().unwrap();
        (setting.value.as_secs(), setting.origin.clone())
    };
    assert_eq!(shop.agent, "ocf:siteward:site");
    assert_eq!(
        time(&shop.start_timeout),
        (100, "shop, op start timeout".to_owned()),
        "of the template"
    );
    assert_eq!(
        time(&shop.stop_timeout),
        (44, "op_defaults, timeout".to_owned()),
        "no rule is followed"
    );
    assert_eq!(time(&shop.monitor_interval).0, 2, "the one that comes most often");
    assert_eq!(time(&shop.monitor_timeout).0, 50);
    let details = details(&shop);
    assert_eq!(time(&details.fencing.timeout).0, 90, "the higher score");
    assert_eq!(time(&details.fencing.delay), (5, "power, pcmk_delay_base".to_owned()));
    assert_eq!(details.fencing.devices, ["power (stonith:fence_lab)"]);
    assert_eq!(details.migration_threshold.as_ref().unwrap().value, Some(3));
    assert_eq!(shop.restarts_here.as_ref().unwrap().value, RestartsHere::Times(2));
    assert_eq!(
        details.resource_stickiness.as_ref().unwrap().origin,
        "rsc_defaults, resource-stickiness"
    );
    assert!(details.is_managed.as_ref().is_some_and(|s| !s.value), "of the group");
    assert_eq!(details.parameters["monitor_wait"], "8s");
    assert_eq!(details.left_constraints, ["cli-prefer-shop-group"]);
    assert_eq!(details.group.as_deref(), Some("shop-group"));
    assert_eq!(details.on_fail.len(), 1);
    assert!(shop.notes.iter().any(|note| note.contains("`ruled`")), "{:?}", shop.notes);
}

#[test]
fn the_order_in_the_group_decides() {
    let one = shop(CIB);
    let disk = one.disk.unwrap();
    assert!(disk.is_ordered && disk.is_together && disk.id == "shop-disk");
    let address = one.address.unwrap();
    assert!(!address.is_ordered && address.is_together, "it stands after the site");
    let order = r#"<constraints><rsc_order id="o1" first="shop-ip" then="shop-group"/>"#;
    assert!(shop(&CIB.replace("<constraints>", order)).address.unwrap().is_ordered);
    let set = r#"<constraints><rsc_order id="o1"><resource_set id="s1"><resource_ref id="shop-ip"/><resource_ref id="shop"/></resource_set></rsc_order>"#;
    assert!(shop(&CIB.replace("<constraints>", set)).address.unwrap().is_ordered);
    let elsewhere = CIB.replace("10.0.0.1", "10.0.0.2");
    assert!(shop(&elsewhere).address.is_none());
}

#[test]
fn text_that_is_no_configuration_is_refused() {
    let name: SiteName = "shop".parse().unwrap();
    let wanted = WantedSite { name: &name, definition: None, resource: None };
    let deep = format!("<cib>{}</cib>", "<a>".repeat(100_000));
    let entities = "<!DOCTYPE x [<!ENTITY a \"b\">]><cib>&a;</cib>";
    for text in
        ["", "<cib", "</cib><cib>", "<cib><a></cib>", "CIB not supported: é", &deep, entities]
    {
        assert!(settings(&wanted, text, "x").is_err(), "{}", &text[..text.len().min(40)]);
    }
    assert!(settings(&wanted, "<cib/>", "x").unwrap().is_empty());
    assert!(settings(&wanted, "<cib><configuration/></cib>", "x").unwrap().is_empty());
}
