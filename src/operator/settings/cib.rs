//! The configuration of a Pacemaker cluster as a tree, and how a value is looked up in it.

use std::collections::BTreeMap;

use roxmltree::Node;

use super::crm_time;
use super::model::Setting;
use super::pacemaker_order::{has_tag, id};

#[derive(Clone, Copy)]
pub(super) struct Cib<'a, 'input> {
    pub(super) root: Node<'a, 'input>,
}

impl<'a, 'input> Cib<'a, 'input> {
    pub(super) fn primitives(self) -> impl Iterator<Item = Node<'a, 'input>> {
        // The status section repeats them in another form.
        let configuration = self.root.children().find(|node| has_tag(node, "configuration"));
        configuration
            .into_iter()
            .flat_map(|node| node.descendants())
            .filter(|node| has_tag(node, "primitive"))
    }

    /// The primitive, and the template that it is made from.
    pub(super) fn with_template(self, primitive: Node<'a, 'input>) -> Vec<Node<'a, 'input>> {
        let template = primitive.attribute("template").and_then(|name| {
            self.root.descendants().find(|node| has_tag(node, "template") && id(*node) == name)
        });
        std::iter::once(primitive).chain(template).collect()
    }

    /// The sets of this kind, those with a higher score first. A set with a rule is left out.
    fn sets(self, node: Node<'a, 'input>, tag: &str) -> Vec<Node<'a, 'input>> {
        let resolved = |set: Node<'a, 'input>| match set.attribute("id-ref") {
            Some(name) => self
                .root
                .descendants()
                .find(|other| other.attribute("id") == Some(name))
                .unwrap_or(set),
            None => set,
        };
        let mut sets: Vec<Node<'a, 'input>> =
            node.children().filter(|child| has_tag(child, tag)).map(resolved).collect();
        sets.retain(|set| !set.children().any(|child| has_tag(&child, "rule")));
        let score = |set: &Node<'_, '_>| match set.attribute("score").unwrap_or("0") {
            "INFINITY" | "+INFINITY" => i64::MAX,
            "-INFINITY" => i64::MIN,
            text => text.parse().unwrap_or(0),
        };
        sets.sort_by_key(|set| std::cmp::Reverse(score(set)));
        sets
    }

    /// The pair of this name in the first of the nodes that has it.
    pub(super) fn pair(self, nodes: &[Node<'a, 'input>], tag: &str, name: &str) -> Option<&'a str> {
        nodes.iter().flat_map(|node| self.sets(*node, tag)).find_map(|set| {
            let mut pairs = set.children().filter(|child| has_tag(child, "nvpair"));
            let pair = pairs.find(|pair| pair.attribute("name") == Some(name))?;
            pair.attribute("value")
        })
    }

    pub(super) fn section(self, tag: &str) -> Vec<Node<'a, 'input>> {
        self.root.descendants().filter(|node| has_tag(node, tag)).collect()
    }

    /// A property of the whole cluster.
    pub(super) fn property(self, name: &str) -> Option<Setting<String>> {
        let found = self.pair(&self.section("crm_config"), "cluster_property_set", name)?;
        Some(Setting { value: found.to_owned(), origin: format!("cluster property {name}") })
    }

    /// A meta attribute of the resource: its own, its template's, its group's, or the default of all.
    pub(super) fn meta(self, primitive: Node<'a, 'input>, name: &str) -> Option<Setting<String>> {
        let own = self.with_template(primitive);
        let above = primitive.ancestors().skip(1).take_while(|node| !has_tag(node, "resources"));
        let nodes: Vec<Node<'a, 'input>> = own.into_iter().chain(above).collect();
        let setting = |found: &str, of: &str| Setting {
            value: found.to_owned(),
            origin: format!("{of}, {name}"),
        };
        for node in &nodes {
            if let Some(found) = self.pair(&[*node], "meta_attributes", name) {
                return Some(setting(found, id(*node)));
            }
        }
        let found = self.pair(&self.section("rsc_defaults"), "meta_attributes", name)?;
        Some(setting(found, "rsc_defaults"))
    }

    /// The operations of this name; those of the primitive replace those of its template.
    pub(super) fn operations(
        self,
        primitive: Node<'a, 'input>,
        name: &str,
    ) -> Vec<Node<'a, 'input>> {
        let of = |node: Node<'a, 'input>| -> Vec<Node<'a, 'input>> {
            let lists = node.children().filter(|child| has_tag(child, "operations"));
            let all = lists.flat_map(|list| list.children());
            all.filter(|op| has_tag(op, "op") && op.attribute("name") == Some(name)).collect()
        };
        self.with_template(primitive)
            .into_iter()
            .map(of)
            .find(|l| !l.is_empty())
            .unwrap_or_default()
    }

    /// An option of an operation: its attribute, its pair, or the default of all operations.
    pub(super) fn option(
        self,
        primitive: Node<'a, 'input>,
        op: Option<Node<'a, 'input>>,
        operation: &str,
        name: &str,
    ) -> Option<Setting<String>> {
        if let Some(op) = op {
            let pair = || {
                ["meta_attributes", "instance_attributes"]
                    .iter()
                    .find_map(|tag| self.pair(&[op], tag, name))
            };
            if let Some(value) = op.attribute(name).or_else(pair) {
                let origin = format!("{}, op {operation} {name}", id(primitive));
                return Some(Setting { value: value.to_owned(), origin });
            }
        }
        let found = self.pair(&self.section("op_defaults"), "meta_attributes", name)?;
        Some(Setting { value: found.to_owned(), origin: format!("op_defaults, {name}") })
    }

    /// The monitor that is repeated; if there are several, the one that comes most often.
    pub(super) fn recurring_monitor(self, primitive: Node<'a, 'input>) -> Option<Node<'a, 'input>> {
        let interval = |op: &Node<'_, '_>| {
            op.attribute("interval").and_then(crm_time::parse).unwrap_or_default()
        };
        let is_on = |op: &Node<'_, '_>| op.attribute("enabled") != Some("false");
        self.operations(primitive, "monitor")
            .into_iter()
            .filter(|op| is_on(op) && !interval(op).is_zero())
            .min_by_key(interval)
    }

    pub(super) fn parameters(self, primitive: Node<'a, 'input>) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for node in self.with_template(primitive) {
            let sets = self.sets(node, "instance_attributes");
            for pair in sets.iter().flat_map(Node::children) {
                if let (Some(name), Some(value)) = (pair.attribute("name"), pair.attribute("value"))
                {
                    all.entry(name.to_owned()).or_insert_with(|| value.to_owned());
                }
            }
        }
        all
    }
}
