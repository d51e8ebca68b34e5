#!/usr/bin/env node
import "../dist/command/flux-dao.js";
