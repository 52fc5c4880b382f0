//! Which process waits for which.

use super::definition::Process;

/// For each process all that it needs, directly or through others. The reversed graph of a stop is the same table read by
/// columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// For each process a row, with one bit for each that it may need.
    bits: Vec<u64>,
    words_of_row: usize,
}

impl Needs {
    /// From what each needs directly. The edges are known to be free of circles (see `circle`).
    pub fn through(edges: &[Vec<usize>]) -> Self {
        fn visit(node: usize, edges: &[Vec<usize>], needs: &mut Needs, done: &mut [bool]) {
            if std::mem::replace(&mut done[node], true) {
                return;
            }
            for &next in &edges[node] {
                visit(next, edges, needs, done);
                needs.add(node, next);
            }
        }
        let words_of_row = edges.len().div_ceil(64);
        let mut needs = Self { bits: vec![0; edges.len() * words_of_row], words_of_row };
        let mut done = vec![false; edges.len()];
        for node in 0..edges.len() {
            visit(node, edges, &mut needs, &mut done);
        }
        needs
    }

    /// `node` needs `next`, and all that `next` needs.
    fn add(&mut self, node: usize, next: usize) {
        for word in 0..self.words_of_row {
            self.bits[node * self.words_of_row + word] |=
                self.bits[next * self.words_of_row + word];
        }
        self.bits[node * self.words_of_row + next / 64] |= 1 << (next % 64);
    }

    /// How many `node` needs.
    pub fn count(&self, node: usize) -> u32 {
        let row = &self.bits[node * self.words_of_row..][..self.words_of_row];
        row.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether `node` needs `other`.
    pub fn has(&self, node: usize, other: usize) -> bool {
        self.bits[node * self.words_of_row + other / 64] >> (other % 64) & 1 == 1
    }
}

/// A circle among the dependencies, from a process back to itself; None if there is none.
pub(super) fn circle(processes: &[Process]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum VisitState {
        New,
        OnPath,
        Done,
    }
    fn visit(
        node: usize,
        processes: &[Process],
        marks: &mut [VisitState],
        path: &mut Vec<usize>,
    ) -> Option<Vec<usize>> {
        match marks[node] {
            VisitState::Done => return None,
            VisitState::OnPath => {
                let from = path.iter().position(|&n| n == node)?;
                return Some(path[from..].iter().copied().chain([node]).collect());
            }
            VisitState::New => {}
        }
        marks[node] = VisitState::OnPath;
        path.push(node);
        for &next in &processes[node].depends_on {
            if let Some(found) = visit(next, processes, marks, path) {
                return Some(found);
            }
        }
        path.pop();
        marks[node] = VisitState::Done;
        None
    }
    let mut marks = vec![VisitState::New; processes.len()];
    (0..processes.len()).find_map(|n| visit(n, processes, &mut marks, &mut Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_go_through_others() {
        let needs = Needs::through(&[vec![], vec![0], vec![1], vec![]]);
        assert!(needs.has(2, 0) && needs.has(2, 1) && needs.has(1, 0));
        assert!(!needs.has(0, 2) && !needs.has(3, 0) && !needs.has(2, 2));
    }

    #[test]
    fn needs_of_many_are_the_same_as_those_of_few() {
        // Each needs the one before it, but for every hundredth.
        let edges: Vec<Vec<usize>> =
            (0..300_usize).map(|n| if n % 100 == 0 { vec![] } else { vec![n - 1] }).collect();
        let needs = Needs::through(&edges);
        for (node, other) in (0..300).flat_map(|node| (0..300).map(move |other| (node, other))) {
            let is_needed = other < node && other / 100 == node / 100;
            assert_eq!(needs.has(node, other), is_needed, "{node} {other}");
        }
        assert_eq!([needs.count(0), needs.count(99), needs.count(150)], [0, 99, 50]);
    }
}
