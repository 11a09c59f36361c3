"""The pages: server-rendered, working without JavaScript, in the State's design system."""
