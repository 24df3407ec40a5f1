//! The grid for pairs: whose client understands whose server.

use super::board::Board;

/// Whether a student's client understands another student's server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    Understood,
    Misunderstood,
    /// Both could talk, and have not done so yet.
    Untried,
    /// The student's own server, or one of another stage.
    None,
}

/// The students who take part. Rows of the board stand for them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// A row of the grid each: the students whose clients talk to others' servers.
    pub clients: Vec<usize>,
    /// A column each: the students who let others talk to their servers.
    pub servers: Vec<usize>,
    /// The rows of the grid.
    pub cells: Vec<Vec<Pair>>,
}

impl Grid {
    /// The grid of a board. A student who takes part with a server alone has a row, too, so that rows and columns are
    /// about the same students.
    pub fn of(board: &Board) -> Grid {
        let rows = &board.rows;
        let serves = |at: &usize| rows[*at].report.serve.is_some();
        let talks = |at: &usize| !rows[*at].report.understands.is_empty();
        let servers: Vec<usize> = (0..rows.len()).filter(serves).collect();
        let clients: Vec<usize> = (0..rows.len()).filter(|at| serves(at) || talks(at)).collect();
        let cell = |client: usize, server: usize| {
            let (client, server) = (&rows[client], &rows[server]);
            if client.index == server.index || client.report.stage != server.report.stage {
                return Pair::None;
            }
            let known = client.report.understands.iter().find(|known| known.0 == server.index);
            match known {
                Some((_, true)) => Pair::Understood,
                Some((_, false)) => Pair::Misunderstood,
                None => Pair::Untried,
            }
        };
        let line = |client: &usize| servers.iter().map(|server| cell(*client, *server)).collect();
        let cells = clients.iter().map(line).collect();
        Grid { clients, servers, cells }
    }
}
