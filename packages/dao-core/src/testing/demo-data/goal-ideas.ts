/** A kind of task of a goal. */
export interface TaskIdea {
  readonly title: string;
  readonly minutes: number;
  /** The usual hour of the day, by the user's clock. */
  readonly hour: number;
  readonly isRecurring: boolean;
  /** Whether it is triggered by leaving home instead of by time. */
  readonly isOnLeavingHome?: true;
}

/** A kind of goal, with a milestone per week. */
export interface GoalIdea {
  readonly title: string;
  readonly category: string;
  readonly weeks: readonly string[];
  readonly tasks: readonly [TaskIdea, ...TaskIdea[]];
}

export const GOAL_IDEAS = [
  {
    title: "Run a half marathon",
    category: "health",
    weeks: [
      ...["Run three times a week", "Run 5 km without a break", "Run 8 km", "An easy week", "Run 10 km"],
      ...["Run hills", "Run 14 km", "Run 16 km", "Run 18 km", "An easy week before the race"],
    ],
    tasks: [
      { title: "Easy run, 5 km", minutes: 35, hour: 7, isRecurring: true },
      { title: "Intervals, 6 × 400 m", minutes: 45, hour: 18, isRecurring: true },
      { title: "Long run", minutes: 90, hour: 9, isRecurring: true },
      { title: "Stretch for 15 minutes", minutes: 15, hour: 20, isRecurring: true },
      { title: "Buy energy gels", minutes: 20, hour: 17, isRecurring: false, isOnLeavingHome: true },
    ],
  },
  {
    title: "Learn Spanish",
    category: "education",
    weeks: [
      ...["Greetings and numbers", "The present tense", "Food and shopping", "The family", "The past tense"],
      ...[
        "Directions and travel",
        "Work and studies",
        "The future tense",
        "A first short story",
        "News in easy Spanish",
      ],
      ...["A film with subtitles", "A conversation of half an hour"],
    ],
    tasks: [
      { title: "Learn 20 new words", minutes: 20, hour: 8, isRecurring: true },
      { title: "Do a grammar exercise", minutes: 30, hour: 19, isRecurring: true },
      { title: "Listen to a podcast in Spanish", minutes: 25, hour: 17, isRecurring: true },
      { title: "Talk with Marta for half an hour", minutes: 30, hour: 18, isRecurring: true },
      { title: "Return the textbook to the library", minutes: 20, hour: 16, isRecurring: false, isOnLeavingHome: true },
    ],
  },
  {
    title: "Play the piano",
    category: "music",
    weeks: [
      ...["Sit well, and find the notes", "Scales with the right hand", "Scales with both hands", "A first song"],
      ...["Chords", "Read simple sheet music", "A song with chords", "Play for the family"],
    ],
    tasks: [
      { title: "Practise scales", minutes: 20, hour: 19, isRecurring: true },
      { title: "Practise the song of the week", minutes: 30, hour: 20, isRecurring: true },
      { title: "Piano lesson", minutes: 45, hour: 17, isRecurring: true },
      { title: "Have the piano tuned", minutes: 60, hour: 11, isRecurring: false },
    ],
  },
  {
    title: "Write a novel",
    category: "creativity",
    weeks: [
      ...["The plot on one page", "The characters", "Chapter 1", "Chapter 2", "Chapter 3", "Read it all once"],
      ...["Chapter 4", "Chapter 5", "Chapter 6", "Let two friends read it", "Revise", "A letter to a publisher"],
    ],
    tasks: [
      { title: "Write 500 words", minutes: 60, hour: 6, isRecurring: true },
      { title: "Revise two pages", minutes: 45, hour: 21, isRecurring: true },
      { title: "Read a novel for half an hour", minutes: 30, hour: 22, isRecurring: true },
      { title: "Print the first chapters", minutes: 15, hour: 15, isRecurring: false, isOnLeavingHome: true },
    ],
  },
  {
    title: "Learn Python",
    category: "education",
    weeks: [
      ...["The basics", "Functions", "Lists and dictionaries", "Files", "Classes", "Tests", "A program for the web"],
      ...["Show it to others"],
    ],
    tasks: [
      { title: "Complete a chapter of the tutorial", minutes: 60, hour: 19, isRecurring: true },
      { title: "Solve two exercises", minutes: 40, hour: 20, isRecurring: true },
      { title: "Work on the project", minutes: 90, hour: 10, isRecurring: true },
      { title: "Ask for a review", minutes: 15, hour: 12, isRecurring: false },
    ],
  },
  {
    title: "Save for a trip to Japan",
    category: "finance",
    weeks: [
      ...["Write down all expenses", "A budget", "Cancel what is not used", "Cook at home", "Sell the old bicycle"],
      ...["Compare flights", "Book the flights", "A reserve for emergencies"],
    ],
    tasks: [
      { title: "Write down the day's expenses", minutes: 10, hour: 21, isRecurring: true },
      { title: "Transfer to the savings account", minutes: 10, hour: 9, isRecurring: true },
      { title: "Plan the meals of the week", minutes: 30, hour: 11, isRecurring: true },
      { title: "Compare prices of flights", minutes: 30, hour: 20, isRecurring: false },
    ],
  },
  {
    title: "Grow vegetables on the balcony",
    category: "home",
    weeks: [
      ...["Pots, soil and seeds", "Sow tomatoes and herbs", "Move the seedlings", "Water and feed", "A first harvest"],
      ...["Sow salad for autumn"],
    ],
    tasks: [
      { title: "Water the plants", minutes: 15, hour: 7, isRecurring: true },
      { title: "Look for pests", minutes: 15, hour: 18, isRecurring: true },
      { title: "Buy potting soil", minutes: 45, hour: 10, isRecurring: false, isOnLeavingHome: true },
      { title: "Build a trellis", minutes: 120, hour: 14, isRecurring: false },
    ],
  },
  {
    title: "Sleep eight hours a night",
    category: "health",
    weeks: ["Keep a sleep diary", "To bed at the same time", "No screens after nine", "Less coffee", "Keep it up"],
    tasks: [
      { title: "Write in the sleep diary", minutes: 5, hour: 8, isRecurring: true },
      { title: "Put the phone away", minutes: 5, hour: 21, isRecurring: true },
      { title: "Go for a walk", minutes: 30, hour: 17, isRecurring: true },
      { title: "Read in bed", minutes: 20, hour: 22, isRecurring: true },
    ],
  },
] as const satisfies readonly GoalIdea[];
