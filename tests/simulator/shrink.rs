//! Makes the decisions of a life that failed as few and as small as can be, so that it still fails.

/// How many lives it may take.
const TRIES: usize = 4000;

/// `fails`: lives a list of decisions, and gives those that were taken if the life failed.
pub(crate) fn shrink(
    mut list: Vec<u64>,
    fails: &mut dyn FnMut(&[u64]) -> Option<Vec<u64>>,
) -> Vec<u64> {
    let mut left = TRIES;
    let mut try_it = |candidate: &[u64], list: &mut Vec<u64>| {
        if left == 0 || candidate == list.as_slice() {
            return false;
        }
        left -= 1;
        let Some(taken) = fails(candidate) else { return false };
        // What was not asked for is not needed, nor is a 0 at the end.
        let mut shorter = candidate.to_vec();
        shorter.truncate(taken.len());
        while shorter.last() == Some(&0) {
            shorter.pop();
        }
        let is_better = (shorter.len(), &shorter) < (list.len(), list);
        if is_better {
            *list = shorter;
        }
        is_better
    };
    loop {
        let before = list.clone();
        let mut size = (list.len() / 2).max(1);
        while size > 0 {
            let mut at = 0;
            while at < list.len() {
                let end = (at + size).min(list.len());
                let mut without = list.clone();
                without.drain(at..end);
                let mut zeroed = list.clone();
                zeroed[at..end].fill(0);
                if !try_it(&without, &mut list) && !try_it(&zeroed, &mut list) {
                    at += size;
                }
            }
            size /= 2;
        }
        for at in 0..list.len() {
            for smaller in [list.get(at).map(|v| v / 2), list.get(at).map(|v| v.saturating_sub(1))]
            {
                let (Some(value), true) = (smaller, at < list.len()) else { continue };
                let mut candidate = list.clone();
                candidate[at] = value;
                try_it(&candidate, &mut list);
            }
        }
        if list == before {
            return list;
        }
    }
}

/// As it is typed: `--decisions 3,0,17`.
pub(crate) fn printed(list: &[u64]) -> String {
    list.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

pub(crate) fn read(text: &str) -> Vec<u64> {
    text.split(',').filter_map(|word| word.trim().parse().ok()).collect()
}
