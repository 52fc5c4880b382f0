//! Which resource mounts the site's disk and which holds its address, and whether the cluster starts them
//! before the site, on its node.

use roxmltree::Node;

use super::model::NeededResource;

/// The resources of a cluster in which the site's own is `site`.
#[derive(Clone, Copy)]
pub(super) struct Arrangement<'a, 'input> {
    pub(super) cib: Node<'a, 'input>,
    pub(super) site: Node<'a, 'input>,
}

pub(super) fn id<'a>(node: Node<'a, '_>) -> &'a str {
    node.attribute("id").unwrap_or_default()
}

pub(super) fn has_tag(node: &Node<'_, '_>, tag: &str) -> bool {
    node.is_element() && node.tag_name().name() == tag
}

/// The group that the primitive is a member of.
pub(super) fn group_of<'a, 'input>(primitive: Node<'a, 'input>) -> Option<Node<'a, 'input>> {
    primitive.parent_element().filter(|node| has_tag(node, "group"))
}

/// The resource by itself, and the group, clone or bundle that it is in.
fn names<'a>(primitive: Node<'a, '_>) -> Vec<&'a str> {
    let above = primitive.ancestors().skip(1).take_while(|node| !has_tag(node, "resources"));
    std::iter::once(primitive).chain(above).map(id).filter(|id| !id.is_empty()).collect()
}

impl Arrangement<'_, '_> {
    /// The resource of such an agent with this value in one of these parameters.
    pub(super) fn needed(
        &self,
        agents: &[&str],
        parameters: &[&str],
        value: &str,
    ) -> Option<NeededResource> {
        let is_it = |primitive: &Node<'_, '_>| {
            has_tag(primitive, "primitive")
                && primitive.attribute("type").is_some_and(|kind| agents.contains(&kind))
                && has_parameter(*primitive, parameters, value)
        };
        let mut all: Vec<NeededResource> =
            self.cib.descendants().filter(is_it).map(|node| self.described(node)).collect();
        // If two have it, the one beside the site is meant.
        all.sort_by_key(|resource| !resource.is_together);
        all.into_iter().next()
    }

    fn described(&self, other: Node<'_, '_>) -> NeededResource {
        let same_group = group_of(self.site).is_some() && group_of(self.site) == group_of(other);
        let before = same_group && other.id().get() < self.site.id().get();
        NeededResource {
            id: id(other).to_owned(),
            agent: agent(other),
            is_ordered: before || self.is_constrained(other, "rsc_order", ["first", "then"]),
            is_together: same_group
                || self.is_constrained(other, "rsc_colocation", ["with-rsc", "rsc"])
                || self.is_cloned(other),
        }
    }

    /// Cloned resources, such as a cluster file system, are on every node.
    fn is_cloned(&self, other: Node<'_, '_>) -> bool {
        other.ancestors().any(|node| has_tag(&node, "clone"))
    }

    /// A constraint names `other` in the first of these attributes and the site in the second, or has both
    /// in its sets, in this order.
    fn is_constrained(&self, other: Node<'_, '_>, tag: &str, attributes: [&str; 2]) -> bool {
        let (others, sites) = (names(other), names(self.site));
        let holds = |list: &[&str], name: Option<&str>| name.is_some_and(|n| list.contains(&n));
        self.cib.descendants().filter(|node| has_tag(node, tag)).any(|constraint| {
            let [first, second] = attributes.map(|name| constraint.attribute(name));
            if holds(&others, first) && holds(&sites, second) {
                return true;
            }
            let members: Vec<&str> =
                constraint.descendants().filter(|n| has_tag(n, "resource_ref")).map(id).collect();
            let place = |list: &[&str]| members.iter().position(|m| list.contains(m));
            match (place(&others), place(&sites)) {
                (Some(first), Some(second)) => first < second || tag == "rsc_colocation",
                _ => false,
            }
        })
    }
}

/// `ocf:heartbeat:Filesystem`.
pub(super) fn agent(primitive: Node<'_, '_>) -> String {
    let parts = ["class", "provider", "type"].map(|name| primitive.attribute(name));
    parts.into_iter().flatten().collect::<Vec<_>>().join(":")
}

fn has_parameter(primitive: Node<'_, '_>, names: &[&str], value: &str) -> bool {
    let same = |text: &str| text.trim_end_matches('/') == value.trim_end_matches('/');
    primitive
        .children()
        .filter(|node| has_tag(node, "instance_attributes"))
        .flat_map(|set| set.children())
        .filter(|pair| pair.attribute("name").is_some_and(|name| names.contains(&name)))
        .any(|pair| pair.attribute("value").is_some_and(same))
}
