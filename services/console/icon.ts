/** A sign for each page, drawn in the style sheet, so that it is sent once. Strokes in a box of 24. */

export const icons: Readonly<Record<string, string>> = {
  overview: 'M4 13a8 8 0 0 1 16 0M12 13l4-4M5 19h14',
  decisions: 'M6 4v16M6 8h8a4 4 0 0 1 4 4v0M6 16h4M18 12v4M16 18h4',
  chat: 'M4 5h16v11H10l-5 4v-4H4zM8 9h8M8 12h5',
  approvals: 'M12 3l7 3v6c0 4-3 7-7 9-4-2-7-5-7-9V6zM9 12l2 2 4-4',
  queue: 'M4 6h16M4 12h16M4 18h10',
  schedules: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2',
  memory: 'M4 7c0-2 16-2 16 0s-16 2-16 0v10c0 2 16 2 16 0V7M4 12c0 2 16 2 16 0',
  costs: 'M12 3v18M16 7c-1-1-2-2-4-2-5 0-5 6 0 7s5 7 0 7c-2 0-4-1-4-2',
  upstream: 'M7 18a4 4 0 0 1 0-8 6 6 0 0 1 11 2 3 3 0 0 1 0 6zM12 20v-7M9 15l3-3 3 3',
  logs: 'M5 4h14v16H5zM8 8h8M8 12h8M8 16h4',
  releases: 'M12 3l8 4v10l-8 4-8-4V7zM4 7l8 4 8-4M12 11v10',
  alerts: 'M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4',
  access: 'M8 14a4 4 0 1 1 3-6l9 0v4h-3v3h-3v-3h-3a4 4 0 0 1-3 2z',
};
