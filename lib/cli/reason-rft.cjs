require('../dist/cli/main.js');
