//! Which process waits for which.

use super::definition::Process;

/// For each process all that it needs, directly or through others: `needs[a][b]` is true when `a`
/// needs `b`. The reversed graph of a stop is the same table read by columns. The edges are known
/// to be free of circles (see `circle`).
pub fn transitive_needs(edges: &[Vec<usize>]) -> Vec<Vec<bool>> {
    fn visit(node: usize, edges: &[Vec<usize>], needs: &mut [Vec<bool>], done: &mut [bool]) {
        if std::mem::replace(&mut done[node], true) {
            return;
        }
        for &next in &edges[node] {
            visit(next, edges, needs, done);
            let below = needs[next].clone();
            let row = &mut needs[node];
            row[next] = true;
            for (mine, theirs) in row.iter_mut().zip(below) {
                *mine |= theirs;
            }
        }
    }
    let mut needs = vec![vec![false; edges.len()]; edges.len()];
    let mut done = vec![false; edges.len()];
    for node in 0..edges.len() {
        visit(node, edges, &mut needs, &mut done);
    }
    needs
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
        let needs = transitive_needs(&[vec![], vec![0], vec![1], vec![]]);
        assert!(needs[2][0] && needs[2][1] && needs[1][0]);
        assert!(!needs[0][2] && !needs[3][0] && !needs[2][2]);
    }
}
