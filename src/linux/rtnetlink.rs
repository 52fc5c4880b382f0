//! The messages of rtnetlink(7), as bytes.

/// One message of netlink(7).
pub(super) struct NetlinkMessage<'a> {
    pub(super) kind: u16,
    flags: u16,
    pub(super) body: &'a [u8],
}

impl NetlinkMessage<'_> {
    /// The list ends here.
    pub(super) fn is_end(&self) -> bool {
        i32::from(self.kind) == libc::NLMSG_DONE
    }

    pub(super) fn is_error(&self) -> bool {
        i32::from(self.kind) == libc::NLMSG_ERROR
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.flags & libc::NLM_F_DUMP_INTR.cast_unsigned() as u16 != 0
    }
}

/// The length of `struct nlmsghdr`.
pub(super) const HEAD: usize = 16;

/// The messages of a datagram; what is cut off is left out.
pub(super) fn messages(bytes: &[u8]) -> impl Iterator<Item = NetlinkMessage<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = rest.get(..HEAD)?;
        let length = usize::try_from(u32_at(head, 0)).ok()?;
        let body = rest.get(HEAD..length)?;
        let message = NetlinkMessage { kind: u16_at(head, 4), flags: u16_at(head, 6), body };
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes (rtnetlink(7), `struct rtattr`) of a message, each with its type.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head = rest.get(..4)?;
        let length = usize::from(u16_at(head, 0));
        let value = rest.get(4..length)?;
        let kind = u16_at(head, 2);
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

pub(super) fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// A request for a whole list, of all families.
pub(super) fn request(kind: u16) -> Vec<u8> {
    // `struct ifinfomsg` is long enough for both kinds.
    let mut bytes = vec![0u8; HEAD + 16];
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP).cast_unsigned() as u16;
    bytes[0..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes
}
