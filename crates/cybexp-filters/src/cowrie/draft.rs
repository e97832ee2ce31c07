//! What a record tells, before attacker, organisation and time make an event of it.

use tahoe_core::{Attribute, Hash, Node, Object, SubType};

pub(super) struct Draft {
    pub(super) sub_type: SubType,
    pub(super) children: Vec<Node>,
    /// Seen in malicious context.
    pub(super) malicious: Vec<Hash>,
    /// How many indicators there were beyond the limit.
    pub(super) left_out: u64,
}

impl Draft {
    pub(super) fn new(sub_type: SubType) -> Self {
        Self {
            sub_type,
            children: Vec::new(),
            malicious: Vec::new(),
            left_out: 0,
        }
    }

    /// With these in unknown context; an absent one is left out.
    pub(super) fn with<N: Into<Node>>(mut self, nodes: impl IntoIterator<Item = N>) -> Self {
        self.children.extend(nodes.into_iter().map(Into::into));
        self
    }

    /// With these in malicious context; an absent one is left out.
    pub(super) fn with_malicious<N: Into<Node>>(
        mut self,
        nodes: impl IntoIterator<Item = N>,
    ) -> Self {
        for node in nodes {
            let node = node.into();
            self.malicious.push(node.hash());
            self.children.push(node);
        }
        self
    }

    /// Without so many indicators.
    pub(super) fn leaving_out(mut self, indicators: u64) -> Self {
        self.left_out += indicators;
        self
    }

    /// With these descendants, which stand in an object of the event, in malicious context.
    pub(super) fn marking<'a>(mut self, inner: impl IntoIterator<Item = &'a Attribute>) -> Self {
        self.malicious
            .extend(inner.into_iter().map(Attribute::hash));
        self
    }
}

/// An object of those children that are there; none when none is.
pub(super) fn object(
    sub_type: SubType,
    children: impl IntoIterator<Item = Option<Attribute>>,
) -> Option<Object> {
    let children = children.into_iter().flatten().map(Node::from).collect();
    // Being empty is its only error here: a record's texts are too short to make it too large.
    Object::new(sub_type, children).ok()
}
