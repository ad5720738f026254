"""The durable workflow of one export, and the ledger of what is expected, asked for, collected and delivered."""
