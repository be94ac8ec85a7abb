"""``python -m training``; the commands are in another module, which spawned processes can import."""

from training.command import main

if __name__ == "__main__":
    main()
